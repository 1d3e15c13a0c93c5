"""Look the pinned packages up in the database of known vulnerabilities: `make audit`.

It runs pip-audit, which needs a network. An advisory that does not concern this project stands in
`config/advisories.toml` with the reason and a day after which it is looked at again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
TOOL = ("uv", "tool", "run", "pip-audit==2.9.0")
UNREACHABLE = ("ConnectionError", "Max retries", "Connection refused", "Failed to resolve")
SKIPPED = "could not be audited"
CLEAN, FOUND, MISTAKE, NO_DATABASE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Accepted:
    """An advisory that is not acted on, why, and until when."""

    id: str
    reason: str
    until: date


def read_accepted(path: Path) -> list[Accepted]:
    """Read the accepted advisories; `ValueError` where one has no reason or no day."""
    if not path.exists():
        return []
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    found = []
    for row in rows:
        if set(row) != {"id", "reason", "until"} or not isinstance(row["until"], date):
            raise ValueError(f"{path}: each [[accepted]] has id, reason and until (a date): {row}")
        if len(str(row["reason"]).split()) < 3:
            raise ValueError(f"{path}: {row['id']} needs a reason in words")
        found.append(Accepted(str(row["id"]), str(row["reason"]), row["until"]))
    return found


def command(lock: Path, accepted: Sequence[Accepted], tool: Sequence[str] = TOOL) -> list[str]:
    """Return the command that audits one lock file; it resolves and installs nothing."""
    ignored = [word for one in accepted for word in ("--ignore-vuln", one.id)]
    return [*tool, "--requirement", str(lock), "--no-deps", "--disable-pip", *ignored]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of this script."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--advisories", type=Path, default=PROJECT / "config" / "advisories.toml")
    parser.add_argument("--tool", nargs="+", default=list(TOOL), help="the command of pip-audit")
    options = parser.parse_args(arguments)
    today = datetime.now(UTC).date()
    try:
        accepted = read_accepted(options.advisories)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    for one in accepted:
        print(f"accepted until {one.until}: {one.id}: {one.reason}")
    current = [one for one in accepted if one.until >= today]
    worst = CLEAN
    for lock in LOCKS:
        try:
            done = subprocess.run(
                command(PROJECT / lock, current, options.tool),
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            print(
                f"error: {error.filename} is not installed; run `pip install uv`, or name another"
                " command of pip-audit with --tool",
                file=sys.stderr,
            )
            return MISTAKE
        lines = done.stdout.strip().splitlines()
        # Without a database pip-audit ends well: it skips every package, each with a line.
        skipped = sum(SKIPPED in line for line in lines)
        rest = "\n".join(line for line in lines if SKIPPED not in line)
        print(f"{lock}: {rest or 'no known vulnerability'}; {skipped} packages not audited")
        if done.returncode == 0 and not skipped:
            continue
        if skipped or not lines or any(word in done.stderr for word in UNREACHABLE):
            print(
                "error: pip-audit reached no database of vulnerabilities for them, so nothing is"
                " known; run `make audit` where a network is. It said:\n"
                f"{done.stderr.strip()[-600:]}",
                file=sys.stderr,
            )
            return NO_DATABASE
        worst = FOUND
    if worst is FOUND:
        print(
            "upgrade the package and run `make lock`, or accept the advisory with a reason in"
            " config/advisories.toml",
            file=sys.stderr,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
