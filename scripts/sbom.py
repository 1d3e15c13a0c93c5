"""Write the bill of materials of this installation (CycloneDX 1.6): `make sbom`.

It names what `requirements.lock` pins, with the licences of the installed packages and what each
requires. The same installation gives the same bytes, and nothing is requested from anywhere.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)")
REQUIRED = re.compile(r"^[A-Za-z0-9._-]+")


def normal(name: str) -> str:
    """Return a distribution's name as package URLs write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> dict[str, str]:
    """Return the versions that a lock file pins, by name.

    Of several versions for several platforms it is the installed one, else the last.
    """
    found: dict[str, str] = {}
    for line in lock.splitlines():
        if (match := PINNED.match(line)) is None:
            continue
        name, version = normal(match[1]), match[2]
        here = _installed(name)
        if name not in found or here is None or here.version != found[name]:
            found[name] = version
    return found


def bill(versions: dict[str, str], own_version: str) -> dict[str, Any]:
    """Return the bill of materials of these versions."""
    own = f"pkg:pypi/nocturne@{own_version}"
    refs = {name: f"pkg:pypi/{name}@{version}" for name, version in versions.items()}
    installed = {name: _installed(name) for name in versions}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "nocturne",
                "version": own_version,
                "bom-ref": own,
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": refs[name],
                "name": name,
                "version": versions[name],
                "purl": refs[name],
                **_licence(installed[name]),
            }
            for name in sorted(versions)
        ],
        "dependencies": [
            {"ref": own, "dependsOn": sorted(refs.values())},
            *(
                {"ref": refs[name], "dependsOn": _requires(installed[name], refs)}
                for name in sorted(versions)
            ),
        ],
    }


def _installed(name: str) -> Distribution | None:
    """Return the installed package; None for one of another platform."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _licence(found: Distribution | None) -> dict[str, Any]:
    if found is None:
        return {}
    if expressions := found.metadata.get_all("License-Expression"):
        return {"licenses": [{"expression": expressions[0]}]}
    words = found.metadata.get_all("Classifier") or []
    names = [word.rpartition(" :: ")[2] for word in words if word.startswith("License :: ")]
    return {"licenses": [{"license": {"name": name}} for name in names]} if names else {}


def _requires(found: Distribution | None, refs: dict[str, str]) -> list[str]:
    needed = (found.requires or []) if found is not None else []
    names = {normal(match[0]) for text in needed if (match := REQUIRED.match(text))}
    return sorted(refs[name] for name in names if name in refs)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of this script."""
    parser = argparse.ArgumentParser(prog="make sbom", description=__doc__)
    parser.add_argument("--lock", type=Path, default=PROJECT / "requirements.lock")
    parser.add_argument("--to", type=Path, default=PROJECT / ".work" / "sbom.cdx.json")
    options = parser.parse_args(arguments)
    own = _installed("nocturne")
    made = bill(pinned(options.lock.read_text()), own.version if own is not None else "0")
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"{options.to}: {len(made['components'])} packages (CycloneDX {made['specVersion']})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
