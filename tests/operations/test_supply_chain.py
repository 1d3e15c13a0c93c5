"""The bill of materials and the audit of the pinned packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = """\
import sys
print({output!r})
print({errors!r}, file=sys.stderr)
open({seen!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
sys.exit({status})
"""


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, f"scripts/{script}.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_bill_of_materials_names_every_pinned_package_once(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    assert run("sbom", "--to", str(target)).returncode == 0
    first = target.read_bytes()
    made = json.loads(first)
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split(";")[0].strip() for line in lines if "==" in line]
    urls = [part["purl"] for part in made["components"]]
    # A package may be pinned twice, for two platforms.
    assert len(urls) == len(set(urls)) == len({pin.split("==")[0] for pin in pins})
    assert (
        "pkg:pypi/" + next(p for p in pins if p.startswith("aiohttp==")).replace("==", "@") in urls
    )
    assert made["specVersion"] == "1.6"
    edges = {edge["ref"]: edge["dependsOn"] for edge in made["dependencies"]}
    assert any("multidict" in ref for ref in edges[next(u for u in urls if "/aiohttp@" in u)])
    known = set(urls) | {made["metadata"]["component"]["bom-ref"]}
    assert {ref for needs in edges.values() for ref in needs} <= known
    assert run("sbom", "--to", str(target)).returncode == 0
    assert target.read_bytes() == first


def audited(
    folder: Path, status: int, output: str = "", errors: str = "", accepted: str = ""
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the audit with a pip-audit that answers so; return what it was asked, too."""
    tool, seen, advisories = folder / "tool.py", folder / "seen", folder / "advisories.toml"
    tool.write_text(FAKE.format(output=output, errors=errors, seen=str(seen), status=status))
    advisories.write_text(accepted)
    done = run("audit", "--advisories", str(advisories), "--tool", sys.executable, str(tool))
    return done, seen.read_text().splitlines() if seen.exists() else []


def test_without_a_network_the_audit_says_that_nothing_is_known(tmp_path: Path) -> None:
    done, _ = audited(tmp_path, 1, errors="ConnectionError: Failed to resolve 'example.test'")
    assert done.returncode == 3
    assert "reached no database" in done.stderr
    assert "where a network is" in done.stderr


def test_packages_that_the_database_does_not_hold_are_no_success(tmp_path: Path) -> None:
    line = "yarl  Dependency not found on PyPI and could not be audited: yarl (1.25.1)"
    done, _ = audited(tmp_path, 0, output=line)
    assert done.returncode == 3
    assert "1 packages not audited" in done.stdout


def test_a_known_vulnerability_is_named_with_what_to_do(tmp_path: Path) -> None:
    done, asked = audited(tmp_path, 1, output="aiohttp 1.0 GHSA-1234")
    assert done.returncode == 1
    assert "GHSA-1234" in done.stdout
    assert "make lock" in done.stderr
    assert len(asked) == 2
    assert "requirements-dev.lock" in asked[1]


@pytest.mark.parametrize(("until", "ignored"), [("2999-01-01", True), ("2001-01-01", False)])
def test_what_is_accepted_is_passed_over_until_its_day(
    tmp_path: Path, until: str, ignored: bool
) -> None:
    row = f'[[accepted]]\nid = "GHSA-1"\nreason = "we use the client alone"\nuntil = {until}\n'
    done, asked = audited(tmp_path, 0, accepted=row)
    assert done.returncode == 0
    assert ("--ignore-vuln GHSA-1" in asked[0]) == ignored
    assert "we use the client alone" in done.stdout


def test_an_acceptance_without_a_reason_is_refused(tmp_path: Path) -> None:
    row = '[[accepted]]\nid = "GHSA-1"\nreason = "no"\nuntil = 2999-01-01\n'
    done, asked = audited(tmp_path, 0, accepted=row)
    assert (done.returncode, asked) == (2, [])
    assert "needs a reason" in done.stderr
