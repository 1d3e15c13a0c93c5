"""The files of a new folder, made from the examples that Nocturne brings along."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trading.errors import DataError, SettingsError

EXAMPLES = Path(__file__).resolve().parents[2] / "config"
PAPER_URL = "http://127.0.0.1:8900"
"""Where `nocturne paper start` serves."""

_RESEARCH = {
    "sample": '"import"',
    "ledger": '"state/ledger.sqlite"',
    "symbols": None,
    "known_events": None,
    "trading_hours": None,
}
"""Settings that differ from the example; None leaves a setting to its default."""
_EXECUTOR = {
    "mode": '"paper"',
    "rest_url": f'"{PAPER_URL}"',
    "ws_url": f'"{PAPER_URL.replace("http", "ws", 1)}"',
}
_KEYS = """\
# Keys of the executor. This file must have mode 600. The paper market takes these two; keys of an
# exchange need the right to trade, never to withdraw, and should be bound to your address.
NOCTURNE_BINANCE_KEY=sandbox
NOCTURNE_BINANCE_SECRET=sandbox
# A key of the exchange's test network, for the round trip of `nocturne golive`.
#NOCTURNE_BINANCE_DEMO_KEY=
#NOCTURNE_BINANCE_DEMO_SECRET=
# Alerts go to a Discord webhook, and to Telegram, mail and others by the URLs of Apprise, separated
# by spaces; try it: nocturne alerts test
#NOCTURNE_WEBHOOK_URL=
#NOCTURNE_APPRISE_URLS=
# An outside check that tells you when this executor no longer asks for it.
#NOCTURNE_HEARTBEAT_URL=
"""
_IGNORED = "config/.env\ndata_lake/\nimport/\nstate/\n.work/\n"


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the folder; ``written`` is false where one existed and was kept."""

    path: Path
    purpose: str
    written: bool


def write_folder(folder: Path) -> list[Item]:
    """Write what is missing in ``folder``; what exists is not touched."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder")
    config = folder / "config"
    try:
        for name in ("config", "strategies", "import", "data_lake"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        research = _changed("research.example.toml", _RESEARCH)
        executor = _changed("settings.example.toml", _EXECUTOR)
        return [
            _write(
                config / "research.toml", research, "what the night searches, and at which costs"
            ),
            _write(config / "settings.toml", executor, "what the executor may risk (mode paper)"),
            _write(config / ".env", _KEYS, "its keys and the address for alerts", 0o600),
            _write(folder / ".gitignore", _IGNORED, "keeps keys and data out of git"),
        ]
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error


def _write(path: Path, text: str, purpose: str, mode: int = 0o644) -> Item:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return Item(path, purpose, written=False)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Item(path, purpose, written=True)


def _changed(example: str, changes: Mapping[str, str | None]) -> str:
    """Return the example with other values; comments behind them stay."""
    lines = (EXAMPLES / example).read_text(encoding="utf-8").splitlines()
    left = dict(changes)
    for place, line in enumerate(lines):
        found = re.match(r"(\w+) = ", line)
        if found is None or found[1] not in left:
            continue
        value = left.pop(found[1])
        comment = re.search(r" #.*$", line)
        lines[place] = (
            f"# {line}"
            if value is None
            else f"{found[1]} = {value}" + (f"  {comment[0].strip()}" if comment else "")
        )
    if left:
        raise SettingsError(f"{EXAMPLES / example} lacks {', '.join(left)}")
    if example.startswith("research"):
        lines = [line for line in lines if "Copy this file" not in line]
        lines.insert(0, "# Settings of the research flows; a commented line shows the default.")
    else:
        lines[0] = "# Settings of the executor; relative paths are relative to this file."
    return "\n".join(lines) + "\n"
