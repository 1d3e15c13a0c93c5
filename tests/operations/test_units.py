"""The units of all processes: written for an installation, valid, hardened."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = (
    "nocturne-dashboard",
    "nocturne-executor",
    "nocturne-paper",
    "nocturne-prefect-server",
    "nocturne-prefect-worker",
)
MOST_EXPOSED = 2.5
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation, with the programs of this one."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """The folder into which the units were written."""
    prefix = tmp_path_factory.mktemp("prefix")
    options = ["--prefix", str(prefix), "--home", str(home), "--user", "trader"]
    done = subprocess.run(
        [sys.executable, "scripts/install_units.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "systemctl daemon-reload" in done.stdout
    return prefix / "lib" / "systemd" / "system"


def test_every_process_has_its_unit_with_this_installations_paths(
    installed: Path, home: Path
) -> None:
    found = {path.stem: path.read_text(encoding="utf-8") for path in installed.iterdir()}
    assert sorted(found) == list(UNITS)
    for name, text in found.items():
        assert "/opt/nocturne" not in text, name
        assert "User=trader\n" in text, name
        assert f"ExecStart={home}/.venv/bin/" in text, name


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_valid(installed: Path, name: str) -> None:
    assert faults(installed / f"{name}.service") == []


@needs_systemd
@pytest.mark.parametrize(
    ("setting", "broken"),
    [("ExecStart=/", "ExecStart=/nowhere/"), ("[Service]\n", "[Service]\nRestrt=always\n")],
)
def test_a_unit_that_could_not_start_would_be_found(
    installed: Path, tmp_path: Path, setting: str, broken: str
) -> None:
    text = (installed / "nocturne-executor.service").read_text(encoding="utf-8")
    unit = tmp_path / "nocturne-broken.service"
    unit.write_text(text.replace(setting, broken, 1), encoding="utf-8")
    assert faults(unit) != []


def faults(unit: Path) -> list[str]:
    """What systemd finds wrong with a unit of ours.

    Units of the machine itself are loaded, too: what they lack is not ours.
    """
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in done.stderr.splitlines() if "nocturne" in line]


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_exposed_no_more_than_allowed(installed: Path, name: str) -> None:
    assert exposure(installed / f"{name}.service") <= MOST_EXPOSED


@needs_systemd
def test_a_unit_without_hardening_would_be_found(installed: Path, tmp_path: Path) -> None:
    text = (installed / "nocturne-executor.service").read_text(encoding="utf-8")
    bare = tmp_path / "bare.service"
    bare.write_text(re.sub(r"^(NoNew|Protect|Restrict|System|Private|Cap).*\n", "", text, flags=8))
    assert exposure(bare) > MOST_EXPOSED


def exposure(unit: Path) -> float:
    """The exposure that systemd computes of a unit, from 0 to 10."""
    done = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def test_the_executor_and_the_dashboard_notify_and_are_watched(installed: Path) -> None:
    for name in ("nocturne-executor", "nocturne-dashboard"):
        text = (installed / f"{name}.service").read_text(encoding="utf-8")
        assert "Type=notify\n" in text
        assert "WatchdogSec=" in text


def test_what_only_this_machine_needs_is_closed_to_all_others(installed: Path) -> None:
    for name in ("nocturne-dashboard", "nocturne-prefect-server"):
        text = (installed / f"{name}.service").read_text(encoding="utf-8")
        assert "IPAddressDeny=any\nIPAddressAllow=localhost\n" in text


def test_a_home_below_home_stays_visible_to_its_services(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from install_units import write_units
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    home = Path("/").joinpath("home", "trader", "nocturne")
    for unit in write_units(tmp_path, home, "trader", home / "state"):
        text = unit.read_text(encoding="utf-8")
        assert "ProtectHome=read-only" in text
        assert "/opt" not in text
    beside = Path("/opt/nocturne-2")
    for unit in write_units(tmp_path, beside, "trader", beside / "state"):
        text = unit.read_text(encoding="utf-8")
        assert "ExecStart=/opt/nocturne-2/.venv/bin/" in text
        assert "/opt/nocturne/" not in text
        assert "/opt/nocturne-2-2" not in text
