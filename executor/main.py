"""Running the executor as a process."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from executor.app import App
from executor.builder import Account, build
from executor.ledger.store import Ledger
from executor.market_data.lockstep import sandbox_status
from executor.notifications.alerts import Alerts, LogAlerts
from executor.notifications.discord import DiscordAlerts
from executor.runtime.clock import Clock, ReplayClock, WallClock
from executor.runtime.lock import single_account, single_instance
from executor.runtime.logs import setup
from executor.runtime.masking import Masker
from executor.settings import Keys, Mode, Settings, load_keys, load_settings

log = logging.getLogger(__name__)


def run(settings_file: Path, *, until_finished: bool) -> bool:
    """Run until SIGTERM, SIGINT, `nocturne executor stop`, or the end of the replay.

    Returns whether SIGINT (Ctrl-C) ended it; the stop is as clean as any other.

    Raises:
        NocturneError: settings, keys, lock, ledger or exchange do not allow a start.
    """
    settings = load_settings(settings_file)
    keys = load_keys(settings_file)
    state = settings.paths.state
    account = single_account(settings.venue.rest_url, keys.key.get_secret_value())
    with single_instance(state), account:
        handler = setup(state / "executor.log", _masker(keys))
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                work = _run(settings, settings_file, keys, until_finished=until_finished)
                return runner.run(work)
        finally:
            logging.getLogger("executor").removeHandler(handler)
            handler.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _run(
    settings: Settings, settings_file: Path, keys: Keys, *, until_finished: bool
) -> bool:
    from executor.venues.binance.client import BinanceUsdm
    from executor.venues.binance.market_stream import BinanceMarketStream
    from executor.venues.binance.user_stream import BinanceUserStream

    ledger = Ledger(settings.paths.state / "ledger.sqlite")
    clock = await _clock(settings)
    venue = BinanceUsdm(settings.venue, keys.key.get_secret_value(), keys.secret.get_secret_value())
    lockstep = settings.replay.clock_url is not None
    market = BinanceMarketStream(
        settings.venue.ws_url, (), None if lockstep else settings.timing.stale_s
    )
    user = BinanceUserStream(
        settings.venue.ws_url, venue.listen_key, settings.timing.user_keepalive_s
    )
    account = Account(venue, market, user)
    executor = build(settings, clock, ledger, account, _alerts(keys, ledger, clock))
    app = App(executor, settings_file)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, app.reload, "SIGHUP")
    interrupted = asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        app.request_stop()

    loop.add_signal_handler(signal.SIGTERM, app.request_stop)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    await app.run(until_finished=until_finished)
    return interrupted.is_set()


def _masker(keys: Keys) -> Masker:
    from executor.venues.binance.masking import masked

    return Masker(keys.texts(), masked)


def _alerts(keys: Keys, ledger: Ledger, clock: Clock) -> Alerts:
    if keys.webhook is None:
        return LogAlerts()
    url = keys.webhook.get_secret_value()
    return DiscordAlerts(url, ledger.outbox, clock.now_ms, _masker(keys))


async def _clock(settings: Settings) -> Clock:
    if settings.mode is not Mode.REPLAY:
        return WallClock()
    status = await sandbox_status(settings.venue.rest_url)
    return ReplayClock(int(status["market_time"]))
