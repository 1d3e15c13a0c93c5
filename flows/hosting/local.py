"""Everything that Prefect needs on this machine, in the background.

python -m flows.hosting.local up [--port 4200] [--home DIR]    server, worker and schedules
python -m flows.hosting.local status | down
python -m flows.hosting.local deploy [--port 4200]            the schedules alone, for the units
python -m flows.hosting.local prepare                         the database template (part of set-up)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flows.hosting import background, server_process
from flows.settings import PROJECT
from trading.errors import NocturneError

DEFAULT_PORT = 4200


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m flows.hosting.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "status", "deploy"):
        command = commands.add_parser(name)
        command.add_argument("--home", type=Path, default=PROJECT / ".work" / "prefect")
        if name in ("up", "deploy"):
            command.add_argument("--port", type=_port, default=DEFAULT_PORT)
    commands.add_parser("prepare")
    options = parser.parse_args(arguments)
    try:
        if options.command == "prepare":
            server_process.prepare()
            return 0
        home = options.home.resolve()
        if options.command == "up":
            return background.up(home, options.port)
        if options.command == "deploy":
            return background.deploy(home, options.port)
        return background.down(home) if options.command == "down" else background.status(home)
    except NocturneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"'{text}' is no port; give a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
