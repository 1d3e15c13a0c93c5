"""The checks of an installation: each has a verdict, what was found, and how to mend it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from cli.doctor.check_line import CheckLine, ok
from cli.doctor.key_remedy import key_remedy
from cli.doctor.lake_line import lake
from dashboard.research.bounded_http import ask
from executor.settings import Keys, Mode, Settings, load_addresses, load_keys, load_settings
from executor.settings.first_week import read_first_week
from executor.settings.overrides import read_overrides
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.faults import VenueFaultError
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue
from trading.errors import NocturneError, SettingsError

LEAST_DISK = 1024**3
MOST_SKEW_S = 2.0
"""The header of a server's time has whole seconds."""
TIMEOUT_S = 5.0
HEALTHY = 200
PREFECT = "http://127.0.0.1:4200/api"


def run_checks(settings_file: Path) -> Iterator[CheckLine]:
    """Run every check, each whatever the others found; no line holds a secret."""
    yield ok("version", f"nocturne {version('nocturne')}, Python {platform.python_version()}")
    try:
        settings = load_settings(settings_file, _overrides(settings_file))
    except NocturneError as error:
        yield CheckLine(
            "settings", "wrong", str(error), "run `nocturne init`, or mend that setting"
        )
        return
    yield ok("settings", f"{settings_file}, mode {settings.mode.value}")
    keys = None
    try:
        keys = load_keys(settings_file, settings)
        yield ok("keys", ", ".join(sorted(keys.venues)))
    except NocturneError as error:
        yield CheckLine("keys", "wrong", str(error), "write them into .env beside the settings")
    for name, check in LOCAL.items():
        yield guarded(name, check, settings, settings_file)
    for name in settings.venues:
        clock = clock_line(name, settings)
        yield clock
        if clock.remedy == PAPER_REMEDY:
            continue
        if keys is not None:
            yield from asyncio.run(venue_lines(name, settings, keys))
    yield prefect_line()


def _overrides(settings_file: Path) -> dict[str, Any]:
    """Return the overrides; none where `.env` cannot be read, which the check of keys names."""
    try:
        return read_overrides(settings_file)
    except SettingsError:
        return {}


def guarded(
    name: str, check: Callable[[Settings, Path], CheckLine], settings: Settings, file: Path
) -> CheckLine:
    """Run a check; what it raises is its finding."""
    try:
        return check(settings, file)
    except (NocturneError, OSError) as error:
        return CheckLine(name, "wrong", str(error), REMEDIES[name])


def disk(settings: Settings, _: Path) -> CheckLine:
    """The state folder can be written and has room."""
    state = settings.paths.state
    place = next(path for path in (state, *state.parents) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GiB free at {place}"
    if not os.access(place, os.W_OK):
        return CheckLine("disk", "wrong", f"{place} cannot be written", REMEDIES["disk"])
    if free < LEAST_DISK:
        return CheckLine("disk", "wrong", found, REMEDIES["disk"])
    return ok("disk", found)


def ledger(settings: Settings, _: Path) -> CheckLine:
    """The ledger is whole."""
    from cli.ledger.backup import NAME, verify

    if settings.ledger.url is not None:
        return ok("ledger", "in PostgreSQL; its server checks it")
    path = settings.paths.state / NAME
    if not path.exists():
        return CheckLine("ledger", "warning", "none yet", "the executor makes it")
    rows = verify(path)
    return ok("ledger", f"whole: {rows['positions']} positions, {rows['orders']} orders")


def release(settings: Settings, _: Path) -> CheckLine:
    """A release can be traded now."""
    from lake.releases import read_current

    live = settings.live.allow_unproven
    kind: Literal["live", "paper"] = "live" if settings.mode is Mode.LIVE else "paper"
    if settings.mode is Mode.REPLAY:
        return ok("release", "a replay takes the release of its own time")
    found = read_current(settings.paths.published, datetime.now(UTC), kind, live)
    return ok("release", found.release_id)


def alerts(_: Settings, file: Path) -> CheckLine:
    """Alerts have somewhere to go."""
    from executor.notifications.all_channels import alert_channels

    names = [channel.name for channel in alert_channels(load_addresses(file))]
    if not names:
        return CheckLine("alerts", "warning", "they go to the log only", REMEDIES["alerts"])
    return ok("alerts", ", ".join(names))


def executor(settings: Settings, _: Path) -> CheckLine:
    """The executor runs and is well."""
    from executor.operations.control_socket import NAME, call

    state = settings.paths.state
    if not (state / NAME).exists():
        return CheckLine("executor", "warning", "not running", REMEDIES["executor"])
    report = call(state, "health")
    if "error" in report:
        return CheckLine("executor", "wrong", str(report["error"]), REMEDIES["executor"])
    bad = [name for name, one in report["checks"].items() if not one["ok"]]
    if bad:
        return CheckLine("executor", "wrong", f"fails {', '.join(bad)}", REMEDIES["executor"])
    return ok("executor", "running and well")


def confirmation(settings: Settings, _: Path) -> CheckLine:
    """Live trading is confirmed; without it a live executor enters nothing."""
    if settings.mode is not Mode.LIVE:
        return ok("confirmation", f"mode {settings.mode.value} needs none")
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    week = read_first_week(settings)
    share = week.share_at(now_ms)
    if share == 1:
        return ok("confirmation", "live trading is confirmed, with full limits")
    until = datetime.fromtimestamp(week.until_ms / 1000, UTC)
    return ok("confirmation", f"{share:.0%} of the limits until {until:%Y-%m-%d %H:%M} UTC")


def dashboard(settings: Settings, _: Path) -> CheckLine:
    """The dashboard has a password."""
    from dashboard.access.password import NAME, read_hash

    if not (settings.paths.state / NAME).exists():
        return CheckLine("dashboard", "warning", "no password yet", REMEDIES["dashboard"])
    read_hash(settings.paths.state)
    return ok("dashboard", "its password is set")


LOCAL: dict[str, Callable[[Settings, Path], CheckLine]] = {
    "disk": disk,
    "ledger": ledger,
    "release": release,
    "confirmation": confirmation,
    "lake": lake,
    "alerts": alerts,
    "executor": executor,
    "dashboard": dashboard,
}
REMEDIES = {
    "disk": "free some space, or move paths.state",
    "ledger": "stop the executor and run `nocturne ledger restore COPY`",
    "release": "run `nocturne flow nightly`; `nocturne release list` shows what there is",
    "confirmation": "run `nocturne golive`; until then nothing is entered",
    "lake": "run `nocturne download` or `nocturne flow nightly`",
    "alerts": "set an address in .env, then run `nocturne alerts test`",
    "executor": "run `nocturne executor run`, or `nocturne executor health` for its checks",
    "dashboard": "run `nocturne dashboard password`",
}
PAPER_REMEDY = "run `nocturne paper start --symbols BTCUSDT`"
MOST_TEXT = 300
"""Characters of a foreign answer that are shown."""


def clock_line(venue: str, settings: Settings) -> CheckLine:
    """The exchange answers, and its clock and this machine's agree."""
    url = settings.venues[venue].rest_url
    name = f"clock of {venue}"
    before = _now()
    try:
        said = ask(url, TIMEOUT_S).headers.get("Date")
    except (OSError, ValueError, HTTPException) as error:
        paper = settings.mode is Mode.PAPER and isinstance(error, ConnectionRefusedError)
        remedy = PAPER_REMEDY if paper else "look at the network and the URL"
        return CheckLine(
            name, "wrong", f"{url} cannot be reached ({error or type(error).__name__})", remedy
        )
    if said is None:
        return CheckLine(name, "warning", f"{url} does not say its time", "compare it by hand")
    # The server answered between the two readings, and its time is cut to a whole second.
    after = _now()
    try:
        skew = (before + after) / 2 - parsedate_to_datetime(said).timestamp() - 0.5
    except (ValueError, OverflowError):
        text = f"{url} says a time that is none: {said[:40]!r}"
        return CheckLine(name, "wrong", text, "look at the URL: another server may answer there")
    if abs(skew) > MOST_SKEW_S + (after - before) / 2:
        remedy = "turn on time synchronization: `timedatectl set-ntp true`"
        return CheckLine(name, "wrong", f"{skew:+.1f} s away from the exchange", remedy)
    return ok(name, f"within {MOST_SKEW_S:g} s of the exchange")


def _now() -> float:
    return datetime.now(UTC).timestamp()


async def venue_lines(venue: str, settings: Settings, keys: Keys) -> list[CheckLine]:
    """The key works and has the rights that it should have; nothing is changed."""
    name = f"key of {venue}"
    plugin = get_venue(venue)
    request = ConnectionRequest(
        settings=settings.venues[venue],
        key=keys.venues[venue].key.get_secret_value(),
        secret=keys.venues[venue].secret.get_secret_value(),
        stale_s=None,
        keepalive_s=settings.timing.user_keepalive_s,
    )
    try:
        connection = plugin.connect(request)
    except NocturneError as error:
        return [CheckLine(name, "wrong", plugin.mask(str(error)), "look at the venue's settings")]
    try:
        async with asyncio.timeout(3 * TIMEOUT_S):
            await connection.venue.balances()
            allowed = await connection.venue.key_permissions()
    except TimeoutError:
        return [CheckLine(name, "wrong", "the exchange does not answer", "try again in a minute")]
    except (VenueFaultError, NocturneError) as fault:
        return [CheckLine(name, "wrong", plugin.mask(str(fault)), key_remedy(fault))]
    except Exception as error:
        # Whatever a server answers, the other lines are still shown.
        text = plugin.mask(f"an answer that is not understood ({type(error).__name__}: {error})")
        remedy = "look at the URL: another server may answer there"
        return [CheckLine(name, "wrong", text[:MOST_TEXT], remedy)]
    finally:
        await connection.venue.close()
    if allowed is None:
        return [ok(name, "accepted; this exchange does not show its rights")]
    if problem := key_problem(allowed):
        return [CheckLine(name, "wrong", problem, "make another key at the exchange")]
    warnings = key_warnings(allowed, int(datetime.now(UTC).timestamp() * 1000))
    return [CheckLine(name, "warning", text, "change it at the exchange") for text in warnings] or [
        ok(name, "accepted; it can trade and not move money")
    ]


def prefect_line() -> CheckLine:
    """A Prefect server answers."""
    url = os.environ.get("PREFECT_API_URL") or PREFECT
    try:
        status = ask(f"{url}/health", TIMEOUT_S).status
    except (OSError, ValueError, HTTPException):
        return CheckLine(
            "prefect", "warning", "no server answers", "run `make up` to schedule flows"
        )
    if status != HEALTHY:
        found = f"{url} answers with status {status}"
        return CheckLine("prefect", "warning", found, "look at the address of PREFECT_API_URL")
    return ok("prefect", "a server answers")
