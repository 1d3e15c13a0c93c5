"""The checks before going live: each a line with a verdict and its remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from cli.alerts import send_tests
from cli.doctor.check_line import CheckLine, ok
from cli.doctor.key_remedy import NEW_KEY, key_remedy
from cli.golive.round_trip import StepFailedError, round_trip
from cli.golive.sizes import PlannedSize, planned_size
from cli.ledger.positions import last_mode, open_positions
from executor.ledger.reader import LedgerPlace
from executor.model import Instrument, InstrumentId, KeyPermissions, instrument_id
from executor.settings import (
    ApiKey,
    Keys,
    Mode,
    Settings,
    VenueSettings,
    load_demo_key,
    load_keys,
    load_settings,
)
from executor.settings.first_week import first_week_from, read_first_week
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue, VenueConnection
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue
from lake.releases import Release, StrategyEntry, read_current
from trading.errors import NocturneError, SettingsError, VenueError

MOST_SKEW_MS = 1_000
ANSWER_WITHIN_S = 60.0


def run_checks(settings_file: Path) -> Iterator[CheckLine]:
    """Run every check, each whatever the others found; no line holds a secret."""
    try:
        settings = load_settings(settings_file)
    except NocturneError as error:
        yield CheckLine("settings", "wrong", str(error), "run `nocturne init`, or mend the setting")
        return
    yield _mode_line(settings)
    keys = None
    try:
        keys = load_keys(settings_file, settings)
        yield ok("keys", ", ".join(sorted(keys.venues)))
    except NocturneError as error:
        yield CheckLine("keys", "wrong", str(error), "write them into .env beside the settings")
    release, line = _release(settings)
    yield line
    yield _ledger_line(settings)
    for name in settings.venues:
        yield asyncio.run(_demo_line(name, settings, settings_file, release))
        if keys is not None:
            yield from asyncio.run(_live_lines(name, settings, keys.venues[name], release))
    yield from _alert_lines(settings_file, keys)


def _mode_line(settings: Settings) -> CheckLine:
    live = settings.live
    week = (
        f"{live.first_week:.0%} of the limits for {live.first_week_days} days"
        if live.first_week_days
        else "full limits from the first day"
    )
    if settings.mode is Mode.LIVE:
        return ok("settings", f"mode live, {week}")
    return CheckLine(
        "settings",
        "warning",
        f"mode {settings.mode.value}: a rehearsal, nothing is confirmed ({week})",
        'set mode = "live" and the URLs of the exchange, then run `nocturne golive` again',
    )


def _release(settings: Settings) -> tuple[Release | None, CheckLine]:
    kind: Literal["live", "paper"] = "live" if settings.mode is Mode.LIVE else "paper"
    try:
        release = read_current(
            settings.paths.published, datetime.now(UTC), kind, settings.live.allow_unproven
        )
    except NocturneError as error:
        remedy = "run `nocturne flow nightly`; `nocturne release list` shows what there is"
        return None, CheckLine("release", "wrong", str(error), remedy)
    return release, ok("release", f"{release.release_id}, {len(release.strategies)} strategies")


def _ledger_line(settings: Settings) -> CheckLine:
    """A live executor must not take the open positions of a rehearsal for its own."""
    path = settings.paths.state / "ledger.sqlite"
    if settings.ledger.url is not None:
        place = LedgerPlace(settings.ledger.url, settings.account)
    elif path.is_file():
        place = LedgerPlace(str(path))
    else:
        return ok("ledger", "none yet: the executor makes it")
    try:
        held = open_positions(place)
        last = last_mode(place)
    except NocturneError as error:
        remedy = "run `nocturne ledger verify`, or set another paths.state"
        return CheckLine("ledger", "wrong", str(error), remedy)
    if held and last not in ("", settings.mode.value):
        return CheckLine(
            "ledger",
            "wrong",
            f"{len(held)} open positions of mode {last} in {settings.paths.state}",
            "close them there, or set another paths.state for live trading",
        )
    return ok("ledger", f"{len(held)} open positions")


async def _demo_line(
    venue: str, settings: Settings, settings_file: Path, release: Release | None
) -> CheckLine:
    """A position was opened, protected and closed on the exchange's test network."""
    name = f"demo round trip on {venue}"
    found = settings.venues[venue]
    symbols = _symbols(venue, settings, release)
    if not symbols:
        return CheckLine(
            name, "wrong", "the release trades nothing here", "publish a release first"
        )
    if not found.demo_url:
        remedy = f"set venues.{venue}.demo_url to a sandbox"
        return CheckLine(name, "wrong", "this exchange has no test network", remedy)
    try:
        key = load_demo_key(settings_file, found.keys)
        demo = found.model_copy(update={"rest_url": found.demo_url, "account_url": None})
        connection = _connect(venue, settings, demo, key)
    except NocturneError as error:
        return CheckLine(name, "wrong", get_venue(venue).mask(str(error)), "mend that, then repeat")
    mask = get_venue(venue).mask
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            trip = await round_trip(connection.venue, symbols[0])
    except TimeoutError:
        text = f"{found.demo_url} did not finish it within {ANSWER_WITHIN_S:g} s"
        return CheckLine(name, "wrong", text, "look at the network, then repeat")
    except StepFailedError as error:
        remedy = (
            "look at the account on the test network, close what is left there, and repeat; "
            "`nocturne doctor` checks key and clock"
        )
        return CheckLine(name, "wrong", mask(str(error)), remedy)
    finally:
        await connection.venue.close()
    return ok(name, f"{symbols[0]}: {trip.text}")


async def _live_lines(
    venue: str, settings: Settings, key: ApiKey, release: Release | None
) -> list[CheckLine]:
    """Rights, position mode, clock and sizes of the account that will trade; nothing is changed."""
    mask = get_venue(venue).mask
    try:
        connection = _connect(venue, settings, settings.venues[venue], key)
    except NocturneError as error:
        return [CheckLine(f"key of {venue}", "wrong", mask(str(error)), "mend the settings")]
    account = _Account(connection.venue, venue, settings)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            lines = await account.key_lines()
            if account.refused:
                return lines
            lines += await account.mode_and_clock(release)
            return lines + await account.size_lines(release)
    except TimeoutError:
        text = f"{settings.venues[venue].rest_url} does not answer in {ANSWER_WITHIN_S:g} s"
        return [CheckLine(f"account at {venue}", "wrong", text, "look at the network, then repeat")]
    except (VenueFaultError, NocturneError) as fault:
        remedy = "look at the network and the key, then repeat"
        return [CheckLine(f"account at {venue}", "wrong", mask(str(fault)), remedy)]
    finally:
        await connection.venue.close()


class _Account:
    """The account that will trade, looked at without changing it."""

    def __init__(self, venue: Venue, name: str, settings: Settings) -> None:
        self._venue, self._name, self._settings = venue, name, settings
        self._instruments: dict[InstrumentId, Instrument] | None = None
        self.refused = False

    async def key_lines(self) -> list[CheckLine]:
        name = f"key of {self._name}"
        try:
            await self._venue.balances()
            allowed = await self._venue.key_permissions()
        except VenueFaultError as fault:
            self.refused = True
            text = get_venue(self._name).mask(str(fault))
            return [CheckLine(name, "wrong", text, key_remedy(fault))]
        return self._rights(name, allowed)

    def _rights(self, name: str, allowed: KeyPermissions | None) -> list[CheckLine]:
        if allowed is None:
            live = self._settings.mode is Mode.LIVE
            text = "the exchange does not show the rights of the key"
            remedy = f"set venues.{self._name}.account_url to the host that shows them"
            return [CheckLine(name, "wrong" if live else "warning", text, remedy)]
        if problem := key_problem(allowed):
            return [CheckLine(name, "wrong", problem, NEW_KEY)]
        warnings = key_warnings(allowed, int(datetime.now(UTC).timestamp() * 1000))
        return [
            CheckLine(name, "warning", text, "change it at the exchange") for text in warnings
        ] or [ok(name, "it can trade and not move money")]

    async def mode_and_clock(self, release: Release | None) -> list[CheckLine]:
        name = f"position mode at {self._name}"
        try:
            symbols = _symbols(self._name, self._settings, release)
            self._instruments = await self._venue.inspect(symbols)
            mode = ok(name, "one-way" if self._venue.capabilities.margin else "balances")
        except VenueError as error:
            remedy = "close every position, then switch the account to one-way mode"
            mode = CheckLine(name, "wrong", str(error), remedy)
        return [mode, self._clock_line()]

    def _clock_line(self) -> CheckLine:
        name, offset = f"clock of {self._name}", self._venue.offset_ms
        if abs(offset) <= MOST_SKEW_MS:
            return ok(name, f"{offset:+d} ms from this machine's")
        return CheckLine(
            name,
            "wrong",
            f"{offset / 1000:+.1f} s from this machine's",
            "turn on time synchronization: `timedatectl set-ntp true`",
        )

    async def size_lines(self, release: Release | None) -> list[CheckLine]:
        """Whether each entry would be large enough with the limits that hold now."""
        name = f"sizes at {self._name}"
        if release is None or self._instruments is None:
            return []
        balances = await self._venue.balances()
        share = share_now(self._settings, int(datetime.now(UTC).timestamp() * 1000))
        sizes: list[PlannedSize] = []
        problems = []
        for entry in _entries(self._name, self._settings, release):
            instrument = self._instruments.get(instrument_id(entry.symbol, self._name))
            if instrument is None:
                problems.append(f"{entry.symbol} is not listed")
                continue
            balance = balances.get(instrument.quote_asset)
            if balance is None:
                problems.append(f"there is no {instrument.quote_asset} in the wallet")
                continue
            price = await self._venue.last_price(instrument.symbol)
            sizes.append(planned_size(entry, instrument, balance, price, self._settings, share))
        problems += [size.text for size in sizes if not size.enough]
        if problems:
            raised = "live.first_week or " if share < 1 else ""
            remedy = (
                f"pay in more, raise {raised}the limit that is named, or take the strategy out of"
                " the release"
            )
            return [CheckLine(name, "wrong", "; ".join(sorted(set(problems))), remedy)]
        if not sizes:
            return []
        smallest = min(sizes, key=lambda size: size.notional / size.least)
        limits = f"{share:.0%} of the limits" if share < 1 else "full limits"
        text = f"{len(sizes)} entries are large enough with {limits}; least: {smallest.text}"
        return [ok(name, text)]


def share_now(settings: Settings, now_ms: int) -> Decimal:
    """Return the share of the limits that holds, or would if it were confirmed now."""
    try:
        return read_first_week(settings).share_at(now_ms)
    except SettingsError:
        return first_week_from(settings, now_ms).share_at(now_ms)


def _entries(venue: str, settings: Settings, release: Release) -> list[StrategyEntry]:
    """The entries of a release that are traded at a venue."""
    traded = {venue, settings.venues[venue].follows}
    return [entry for entry in release.strategies if entry.venue in traded]


def _symbols(venue: str, settings: Settings, release: Release | None) -> list[InstrumentId]:
    if release is None:
        return []
    found = {entry.symbol for entry in _entries(venue, settings, release)}
    return sorted(instrument_id(symbol, venue) for symbol in found)


def _connect(venue: str, settings: Settings, found: VenueSettings, key: ApiKey) -> VenueConnection:
    return get_venue(venue).connect(
        ConnectionRequest(
            settings=found,
            key=key.key.get_secret_value(),
            secret=key.secret.get_secret_value(),
            stale_s=None,
            keepalive_s=settings.timing.user_keepalive_s,
        )
    )


def _alert_lines(settings_file: Path, keys: Keys | None) -> list[CheckLine]:
    """A test alert arrives by every channel."""
    if keys is None:
        return []
    try:
        receipts = send_tests(settings_file)
    except NocturneError as error:
        return [CheckLine("test alert", "wrong", str(error), "run `nocturne alerts test`")]
    if not receipts:
        return [
            CheckLine(
                "test alert",
                "wrong",
                "no channel is set: nobody would hear of anything",
                "set NOCTURNE_WEBHOOK_URL or NOCTURNE_APPRISE_URLS in .env",
            )
        ]
    return [
        ok(f"test alert to {channel.name}", "delivered")
        if receipt.accepted
        else CheckLine(
            f"test alert to {channel.name}",
            "wrong",
            f"not delivered: {receipt.reason}",
            "check the address in .env with `nocturne alerts test`",
        )
        for channel, receipt in receipts
    ]
