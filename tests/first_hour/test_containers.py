"""Dockerfile and compose.yaml: linted, hardened, and made of commands and files that exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if service["image"].startswith("nocturne-")]


def in_order() -> list[str]:
    """Return the services in the order that `depends_on` gives."""
    found: list[str] = []
    left = dict(SERVICES)
    while left:
        ready = [name for name, one in left.items() if set(one.get("depends_on", {})) <= {*found}]
        assert ready, f"these wait for each other: {sorted(left)}"
        for name in ready:
            found.append(name)
            del left[name]
    return found


def nocturne_commands() -> list[list[str]]:
    """Return the words behind `nocturne` in both files."""
    found = [one["command"] for name, one in SERVICES.items() if name == "dashboard"]
    for line in re.findall(r"^(?:CMD|    CMD) (\[.*\])$", DOCKERFILE, re.MULTILINE):
        words = yaml.safe_load(line)
        if words[0] in ("nocturne", "executor"):
            found.append(words[words[0] == "nocturne" :])
    return found


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_command_of_ours_parses() -> None:
    commands = nocturne_commands()
    assert len(commands) == 3
    for words in commands:
        node, rest = typer.main.get_command(app), list(words)
        context = typer.Context(node, info_name="nocturne")
        while hasattr(node, "list_commands"):
            node = node.get_command(context, rest[0])
            context = typer.Context(node, parent=context, info_name=rest.pop(0))
        node.make_context(context.info_name, rest, parent=context.parent)


def test_services_start_in_an_order_that_exists() -> None:
    order = in_order()
    assert order.index("database") < order.index("server") < order.index("deploy")
    assert order.index("deploy") < order.index("worker")
    assert order.index("executor") < order.index("dashboard")


@pytest.mark.parametrize("name", OWN)
def test_a_service_of_ours_cannot_change_its_image_or_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_nothing_is_open_to_the_outside() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("target", ["executor", "research"])
def test_an_image_ends_as_a_user_without_rights_and_has_a_health_check(target: str) -> None:
    stage = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    (own,) = [part for part in stage if part.splitlines()[0].endswith(f" AS {target}")]
    assert re.findall(r"^USER (\S+)$", own, re.MULTILINE)[-1] == "10001:10001"
    assert "HEALTHCHECK" in own


def test_every_package_is_copied_and_no_secret_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    copied = set(re.findall(r"^COPY (\w+) \./\1$", DOCKERFILE, re.MULTILINE))
    assert copied == wanted
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!").split("/")[0] for line in ignored if line.startswith("!")}
    assert wanted <= kept
    for secret in ("config/.env", "config/settings.toml"):
        assert any(fnmatch(secret, line) for line in ignored[1:] if not line.startswith("!"))


def test_every_volume_is_declared_and_every_file_that_is_copied_exists() -> None:
    named = {
        volume.split(":")[0]
        for one in SERVICES.values()
        for volume in one.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])
    for line in re.findall(r"^COPY (.+) \./$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / name).is_file() for name in line.split())
