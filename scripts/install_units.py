"""Write the systemd units of this installation: `make install-units PREFIX=/usr/local`.

The units in `config/systemd` name the folder /opt/nocturne, its state folder and the user nocturne;
the written ones name yours. Nothing is started.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from executor.settings import load_settings
from trading.errors import NocturneError

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = PROJECT / "config" / "systemd"
HOME = "/opt/nocturne"
FOLDER = Path("lib/systemd/system")
PLACES = re.compile(rf"{HOME}(/state)?\b")
PRIVATE = ("/home", "/root", "/run/user")
"""Folders that ``ProtectHome=yes`` hides from a service."""


def write_units(prefix: Path, home: Path, user: str, state: Path) -> list[Path]:
    """Write every unit below ``prefix`` and return the files."""
    folder = prefix / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(SOURCES.glob("*.service")):
        text = source.read_text(encoding="utf-8").replace("User=nocturne\n", f"User={user}\n")
        # In one pass: a folder may itself begin with the one that it replaces.
        text = PLACES.sub(lambda found: str(state if found[1] else home), text)
        if any(Path(home).is_relative_to(private) for private in PRIVATE):
            text = text.replace("ProtectHome=yes", "ProtectHome=read-only")
        target = folder / source.name
        target.write_text(text, encoding="utf-8")
        target.chmod(0o644)
        written.append(target)
    return written


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of this script."""
    parser = argparse.ArgumentParser(prog="make install-units", description=__doc__)
    parser.add_argument("--prefix", type=Path, default=Path("/usr/local"))
    parser.add_argument("--home", type=Path, default=PROJECT)
    parser.add_argument("--user", default="nocturne")
    parser.add_argument("--settings", type=Path)
    options = parser.parse_args(arguments)
    home = options.home.resolve()
    settings = options.settings or home / "config" / "settings.toml"
    try:
        state = load_settings(settings).paths.state if settings.exists() else home / "state"
        written = write_units(options.prefix, home, options.user, state)
    except (NocturneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path}")
    print(
        f"\nnext, as root (the user {options.user} writes into these folders alone):\n"
        f"  useradd --system --home-dir {home} --shell /usr/sbin/nologin {options.user}\n"
        f"  install -d -o {options.user} -m 700 {state}\n"
        f"  install -d -o {options.user} {home / '.work'} {home / 'data_lake'}\n"
        f"  chown -R {options.user} {state} {home / '.work'} {home / 'data_lake'}\n"
        f"  chown {options.user} {settings.parent / '.env'}\n"
        "  systemctl daemon-reload\n"
        "  systemctl enable --now nocturne-executor nocturne-dashboard"
        " nocturne-prefect-server nocturne-prefect-worker"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
