"""The files of a new folder, made from the examples that Nocturne brings along."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.setup.choices import Choices
from trading.errors import DataError, SettingsError

EXAMPLES = Path(__file__).resolve().parents[2] / "config"
PAPER_URL = "http://127.0.0.1:8900"
"""Where `nocturne paper start` serves."""

_SPOT = {
    "rest_url": '"https://testnet.binance.vision"',
    "ws_url": '"wss://stream.testnet.binance.vision"',
    "demo_url": '"https://testnet.binance.vision"',
}
"""Addresses of the test network where the example has those of perpetuals."""


def _research(choices: Choices) -> dict[str, str | None]:
    """Settings that differ from the example; None leaves a setting to its default."""
    symbols = ", ".join(f'"{symbol}"' for symbol in choices.symbols)
    return {
        "sample": '"import"',
        "ledger": '"state/ledger.sqlite"',
        "venue": f'"{choices.venue}"',
        "symbols": f"[{symbols}]" if symbols else None,
        "known_events": None,
        "trading_hours": None,
        "language": f'"{choices.language}"',
        "timezone": f'"{choices.timezone}"',
    }


def _executor(choices: Choices) -> dict[str, str | None]:
    """The same for the executor."""
    changes: dict[str, str | None] = {"mode": f'"{choices.mode}"'}
    if choices.venue == "binance_spot":
        changes |= _SPOT
    if choices.mode == "paper":
        changes["rest_url"] = f'"{PAPER_URL}"'
        changes["ws_url"] = f'"{PAPER_URL.replace("http", "ws", 1)}"'
    return {**changes, "language": f'"{choices.language}"', "timezone": f'"{choices.timezone}"'}


_KEYS = """\
# Keys of the executor. This file must have mode 600. The paper market takes the key and the secret
# "sandbox"; those of an exchange need the right to trade, never to withdraw, and should be bound to
# your address.
NOCTURNE_BINANCE_KEY={key}
NOCTURNE_BINANCE_SECRET={key}
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


def write_folder(folder: Path, choices: Choices) -> list[Item]:
    """Write what is missing in ``folder``; what exists is not touched."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder")
    config = folder / "config"
    try:
        for name in ("config", "strategies", "import", "data_lake"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        research = _changed("research.example.toml", _research(choices))
        executor = _changed("settings.example.toml", _executor(choices))
        executor = executor.replace("[venues.binance_usdm]", f"[venues.{choices.venue}]", 1)
        risk = f"what the executor may risk (mode {choices.mode})"
        keys = _KEYS.format(key="sandbox" if choices.mode == "paper" else "")
        return [
            _write(
                config / "research.toml", research, "what the night searches, and at which costs"
            ),
            _write(
                config / "settings.toml",
                executor,
                risk,
            ),
            _write(config / ".env", keys, "its keys and the address for alerts", 0o600),
            _write(folder / ".gitignore", _IGNORED, "keeps keys and data out of git"),
        ]
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error


def check_folder(folder: Path) -> None:
    """Read both files of settings as the night and the executor will.

    Raises:
        SettingsError: one of them, which may be older than this command, is not valid.
    """
    from executor.settings import load_settings
    from flows.settings import FILE_VARIABLE
    from flows.settings import load_settings as load_research

    load_settings(folder / "config" / "settings.toml")
    os.environ[FILE_VARIABLE] = str((folder / "config" / "research.toml").resolve())
    load_research()


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
