"""Running the executor as a process."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from executor.app import App
from executor.builder import build
from executor.ledger.store import Ledger
from executor.market_data.lockstep import sandbox_status
from executor.notifications.all_channels import alert_channels
from executor.notifications.delivery import AlertDelivery
from executor.runtime.clock import Clock, ReplayClock, WallClock
from executor.runtime.garbage import keep_loaded_objects
from executor.runtime.lock import single_account, single_instance
from executor.runtime.logs import setup
from executor.runtime.masking import Masker
from executor.runtime.screen import shown
from executor.runtime.stop_signals import StopSignals, unless
from executor.settings import Keys, Mode, Settings, load_keys, load_settings
from executor.venues.interface import VenueConnection
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue

log = logging.getLogger(__name__)


def run(settings_file: Path, *, until_finished: bool, screen: int | None = None) -> bool:
    """Run until SIGTERM, SIGINT, `nocturne executor stop`, or the end of the replay.

    The log also goes to the file descriptor ``screen``. Returns whether SIGINT (Ctrl-C) ended it;
    the stop is as clean as any other.

    Raises:
        NocturneError: settings, keys, lock, ledger or exchange do not allow a start.
    """
    settings = load_settings(settings_file)
    keys = load_keys(settings_file, settings)
    state = settings.paths.state
    with ExitStack() as held:
        held.enter_context(single_instance(state))
        for name, venue in settings.venues.items():
            key = keys.venues[name].key.get_secret_value()
            held.enter_context(single_account(venue.rest_url, f"{name} {key}"))
        masker = _masker(settings, keys)
        handler = setup(state / "executor.log", masker)
        if screen is not None:
            held.enter_context(shown(screen, masker))
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                work = _run(
                    settings,
                    settings_file,
                    keys,
                    until_finished=until_finished,
                    on_ready=keep_loaded_objects,
                )
                return runner.run(work)
        finally:
            logging.getLogger("executor").removeHandler(handler)
            handler.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _run(
    settings: Settings,
    settings_file: Path,
    keys: Keys,
    *,
    until_finished: bool,
    on_ready: Callable[[], None] | None = None,
) -> bool:
    """Run with the signals taken first; what is open is closed however it ends."""
    signals = StopSignals()
    async with AsyncExitStack() as opened:
        ledger = _ledger(settings, keys)
        opened.callback(ledger.close)
        read = await unless(signals.requested, _clock(settings))
        if read is None:
            return signals.interrupted
        clock = read.result()
        connections = []
        for name in settings.venues:
            connections.append(_connection(name, settings, keys))
            opened.push_async_callback(connections[-1].venue.close)
        alerts = _alerts(settings, keys, ledger, clock)
        executor = build(settings, clock, ledger, connections, alerts)
        app = App(
            executor, settings_file, alerts, keys.alerts.heartbeat, on_ready, signals.requested
        )
        signals.on_hangup = functools.partial(app.reload, "SIGHUP")
        await app.run(until_finished=until_finished)
    return signals.interrupted


def _ledger(settings: Settings, keys: Keys) -> Ledger:
    if settings.ledger.url is None:
        return Ledger(settings.paths.state / "ledger.sqlite")
    from executor.ledger.postgres import PostgresConnection

    password = keys.ledger.get_secret_value() if keys.ledger is not None else None
    return Ledger(PostgresConnection(settings.ledger.url, settings.account, password))


def _connection(name: str, settings: Settings, keys: Keys) -> VenueConnection:
    lockstep = settings.replay.clock_url is not None
    return get_venue(name).connect(
        ConnectionRequest(
            settings=settings.venues[name],
            key=keys.venues[name].key.get_secret_value(),
            secret=keys.venues[name].secret.get_secret_value(),
            stale_s=None if lockstep else settings.timing.stale_s,
            keepalive_s=settings.timing.user_keepalive_s,
        )
    )


def _masker(settings: Settings, keys: Keys) -> Masker:
    masks = [get_venue(name).mask for name in settings.venues]

    def masked(text: str) -> str:
        for mask in masks:
            text = mask(text)
        return text

    return Masker(keys.texts(), masked)


def _alerts(settings: Settings, keys: Keys, ledger: Ledger, clock: Clock) -> AlertDelivery:
    channels = alert_channels(keys.alerts)
    masker = _masker(settings, keys)
    return AlertDelivery(channels, ledger.outbox, settings.alerts, clock.now_ms, masker)


async def _clock(settings: Settings) -> Clock:
    if settings.mode is not Mode.REPLAY:
        return WallClock()
    status = await sandbox_status(settings.replay_url)
    return ReplayClock(int(status["market_time"]))
