"""What `nocturne executor run` says before it begins: mode, venues, release, positions, limits."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cli.ledger.positions import Record, open_positions
from executor.ledger.reader import LedgerPlace
from executor.settings import Mode, Settings, VenueSettings
from executor.settings.first_week import read_first_week
from lake.releases import Release, current_release
from trading.errors import DataError, ReleaseRefused, SettingsError

ANSWER_WITHIN_S = 1.0
MODES = {
    Mode.REPLAY: "recorded data, no real money",
    Mode.PAPER: "live market, no real money",
    Mode.TESTNET: "the exchange's demo hosts, no real money",
    Mode.LIVE: "REAL MONEY",
}


def banner(settings: Settings) -> str:
    """Return the lines; what cannot be read says why instead."""
    risk = settings.risk
    lines = {
        "mode": f"{settings.mode.value} ({MODES[settings.mode]}), account {settings.account}",
        "venues": _venues(settings),
        "release": _release(settings),
        "positions": _positions(settings),
        "limits": f"{risk.max_concurrent} positions at once, an order at most"
        f" {risk.max_order_notional:,}, daily loss {risk.daily_loss_limit:.0%}{_week(settings)}",
        "state": str(settings.paths.state),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def ledger_place(settings: Settings) -> LedgerPlace:
    """Return where the executor of these settings keeps its ledger."""
    if settings.ledger.url is not None:
        return LedgerPlace(settings.ledger.url, settings.account)
    return LedgerPlace(str(settings.paths.state / "ledger.sqlite"))


def describe_position(row: Record) -> str:
    """Write one open position of the ledger with its stop."""
    stop = row["stop_price"]
    until = "no stop in the ledger" if stop is None else f"stop {stop:g}"
    return f"{row['symbol']} {row['side']} {row['quantity']} ({until})"


def _week(settings: Settings) -> str:
    """Say what the confirmation of live trading leaves of the limits."""
    if settings.mode is not Mode.LIVE:
        return ""
    try:
        week = read_first_week(settings)
    except SettingsError as error:
        return f"; no entries: {error}"
    now = datetime.now(UTC)
    share = week.share_at(int(now.timestamp() * 1000))
    if share == 1:
        return ""
    until = datetime.fromtimestamp(week.until_ms / 1000, UTC)
    return f"; until {until:%Y-%m-%d %H:%M} UTC {share:.0%} of them"


def _venues(settings: Settings) -> str:
    """Name the venues; a paper market that does not run is named with its command."""
    text = ", ".join(f"{name} at {venue.rest_url}" for name, venue in settings.venues.items())
    if settings.mode is not Mode.PAPER or all(map(_answers, settings.venues.values())):
        return text
    return f"{text} does not answer: nocturne paper start --symbols BTCUSDT"


def _answers(venue: VenueSettings) -> bool:
    address = urlsplit(venue.rest_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=ANSWER_WITHIN_S):
            return True
    except OSError:
        return False


def _release(settings: Settings) -> str:
    try:
        release = current_release(settings.paths.published)
    except ReleaseRefused as error:
        return f"none, so nothing will trade: {error}"
    state = "proven" if _proven(release) else "unproven"
    traded = ", ".join(sorted(f"{one.strategy} {one.symbol}" for one in release.strategies))
    return f"{release.release_id} ({state}): {traded}"


def _proven(release: Release) -> bool:
    return bool(release.strategies) and all(one.proven for one in release.strategies)


def _positions(settings: Settings) -> str:
    if settings.ledger.url is None and not (settings.paths.state / "ledger.sqlite").is_file():
        return "none open (the ledger is new)"
    try:
        rows = open_positions(ledger_place(settings))
    except DataError as error:
        return f"cannot be read: {error}"
    return ", ".join(map(describe_position, rows)) or "none open"
