"""Streams, orders, events, logs and the machine: `bot` 5 and 6, `dca` 7, `design`, `ict` 2 to 9."""

from __future__ import annotations

import random
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from dashboard.ledger_reader import MOST_TRADES
from dashboard.parts import price_chart
from executor.bus.bus import CAPACITY, HANDLER_TIMEOUT_S
from executor.bus.events import EventType, Priority, priority_of
from executor.execution.retry_policy import RETRY_DELAYS_S
from executor.operations.live_updates import EVERY_S
from executor.operations.scheduler import PRICE_BY_REST_S
from executor.operations.settings_reload import POLL_S
from executor.runtime.env_file import read_env
from executor.runtime.logs import KEEP_DAYS, ROTATED
from executor.settings import ProtectionSettings, RiskSettings, TimingSettings
from executor.venues.binance.error_codes import DEFAULT_WAIT_S, classify
from executor.venues.binance.market_stream import BATCH
from executor.venues.binance.sockets import (
    CONNECT_TIMEOUT_S,
    COOL_DOWN_AFTER,
    COOL_DOWN_S,
    FIRST_DELAY_S,
    HEARTBEAT_S,
    LONGEST_DELAY_S,
    PROBE_S,
    backoff_s,
)
from executor.venues.faults import RateLimited
from flows.settings import PROJECT
from tests.cli.inputs.source_values.value import Between, Outcome, Value, default, target
from trading.candles import MINUTE_MS, interval_ms
from trading.errors import SettingsError

PRIORITIES = {
    "system_error": 0,
    "daily_loss_limit_reached": 0,
    "ws_disconnected": 0,
    "order_filled": 1,
    "order_failed": 1,
    "signal_generated": 1,
    "candle_closed": 2,
    "position_updated": 2,
}


class Longest(random.Random):
    """Draws the longest wait."""

    def random(self) -> float:
        """Return the upper end of the draws."""
        return 1.0


def accepted_modes() -> list[int]:
    """Return the modes of a file of keys that are accepted, of all that let the owner read."""
    found = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.touch()
        for mode in range(0o400, 0o1000):
            file.chmod(mode)
            try:
                read_env(file)
            except SettingsError:
                continue
            found.append(mode)
    return found


def limited_statuses() -> list[int]:
    """Return the statuses of an answer that mean a request limit."""
    return [s for s in range(400, 600) if type(classify(s, {}, "{}")) is RateLimited]


def memory_of_service() -> int:
    """Return the most that the executor's service may take, MiB."""
    unit = (PROJECT / "config/systemd/nocturne-executor.service").read_text(encoding="utf-8")
    (found,) = re.findall(r"^MemoryMax=(\d+)M$", unit, re.MULTILINE)
    return int(found)


VALUES = [
    Value("bot 5.1", "attempts to reconnect before a pause", 5, COOL_DOWN_AFTER),
    Value("bot 5.1", "the pause, s", 300.0, COOL_DOWN_S),
    Value("bot 6", "wait at a request limit, s", 60.0, DEFAULT_WAIT_S),
    Value(
        "bot 5.4",
        "daily loss of the account",
        0.05,
        float(RiskSettings().daily_loss_limit),
        0.06,
        "the ICT requirements, which are newer, say 6 %",
    ),
    Value(
        "bot 5.1",
        "symbols a subscription",
        3,
        BATCH,
        100,
        "the exchange limits messages a second, not the streams that one of them names",
    ),
    Value("bot 5.1", "silence that reconnects, s", 30.0, TimingSettings().stale_s),
    Value("bot 5.2", "check of positions, s", 0.5, TimingSettings().tick_s),
    Value("ict 5.2.3", "retries of an order after, s", (1.0, 2.0, 5.0), RETRY_DELAYS_S),
    Value("ict 5.2.3", "retries of an order, at most", 3, len(RETRY_DELAYS_S)),
    Value("ict 6.2.3", "days that logs are kept", 7, KEEP_DAYS),
    Value("ict 6.1.4", "events in the queue", 1_000, CAPACITY),
    Value("ict 6.1.4", "time-out of a handler, s", 30.0, HANDLER_TIMEOUT_S),
    Value("report 3.1.1", "loops before the first entry", 3, RiskSettings().warmup_candles),
    Value(
        "report 3.1.1",
        "loop, s",
        3.0,
        TimingSettings().tick_s,
        0.5,
        "prices and commands come as events; positions are looked at every 0.5 s as in `bot` 5.2",
    ),
    Value("dca 4", "synchronized with the exchange every, s", 15.0, TimingSettings().reconcile_s),
    Value("dca 4", "retries of a request, at most", 3, len(RETRY_DELAYS_S)),
    Value("dca 7.2", "least time between checks of a price, s", 0.5, TimingSettings().tick_s),
    Value("dca 7.1", "first reconnect after, s", 1.0, FIRST_DELAY_S),
    Value("dca 7.1", "longest wait to reconnect, s", 60.0, LONGEST_DELAY_S),
    Value(
        "dca 7.1",
        "silence that reconnects, s",
        90.0,
        TimingSettings().stale_s,
        30.0,
        "`bot` asks for 30 s: the shorter one holds",
    ),
    *(
        Value(
            "dca 7.1",
            f"wait to reconnect after {failures} failures, s",
            wait,
            backoff_s(failures, Longest()),
        )
        for failures, wait in ((0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (20, 60.0))
    ),
    Value(
        "dca 7.1",
        "check of a connection, s",
        30.0,
        HEARTBEAT_S,
        15.0,
        "the reader itself notices silence when it ends; pings find a half-open connection",
    ),
    Value(
        "dca 7, targets",
        "time to connect, s",
        5.0,
        CONNECT_TIMEOUT_S,
        10.0,
        "5 s was a goal for a good network; an exchange in trouble answers later",
    ),
    Value("dca 7", "prices by requests while the stream is down, every, s", 3.0, PRICE_BY_REST_S),
    Value(
        "dca 7",
        "a price is checked after, on average, s",
        Between(0, 0.3),
        TimingSettings().tick_s / 2,
    ),
    Value("dca 7", "a price is checked after, at most, s", 0.5, TimingSettings().tick_s),
    Value("dca, figures", "entry of a position, ms", 1.0, target("executor_latency.py", "median")),
    Value(
        "dca, figures",
        "memory, MB",
        50.0,
        target("executor_process.py", "memory at most"),
        200.0,
        "ours is that of the whole executor, with its streams and its ledger",
    ),
    Value(
        "dca, figures",
        "triggers of 100 positions, ms",
        Between(0, 100),
        target("executor_latency.py", "triggers of"),
    ),
    Value(
        "report, for beginners 3.1",
        "commands and changed settings are looked at every, s",
        3.0,
        POLL_S,
        2.0,
        "a command comes over a socket at once; a changed file is seen after 2 s",
    ),
    Value("report 6.3", "status at a request limit", [429], limited_statuses()),
    Value(
        "design 1",
        "minutes between decisions",
        1.0,
        interval_ms(default("breakout", "signal_tf")) / MINUTE_MS,
        60.0,
        "a signal is of 1h, as the filters of `report` need; fills and exits are of the minute",
    ),
    Value(
        "design",
        "memory of a night of 150 symbols, GB",
        Between(0, 16),
        target("many_symbols.py", "peak memory"),
    ),
    Value("ict 2.3", "memory of the machine, MiB", Between(0, 2_048), memory_of_service()),
    *(
        Value("ict 4.1.4", f"priority of {kind}", priority, int(priority_of(EventType(kind))))
        for kind, priority in PRIORITIES.items()
    ),
    Value("ict 4.1.4", "priorities", 4, len(Priority)),
    Value("ict 5.4.2", "recent trades on the chart", Between(10, 20), price_chart.MOST_TRADES),
    Value(
        "ict 5.4.2",
        "recent trades in the table",
        Between(10, 20),
        MOST_TRADES,
        500,
        "the table is scrolled, and filters look through it",
    ),
    Value(
        "ict 6.1.4",
        "delay of an event, ms",
        Between(0, 100),
        target("executor_latency.py", "order, 99 %"),
    ),
    Value("ict 6.2.3", "a new log", "midnight", ROTATED),
    Value("ict 6.3.1", "modes of the file of keys", [0o400, 0o500, 0o600, 0o700], accepted_modes()),
    Value("ict 9.1", "a stream is back after, s", Between(0, 30), PROBE_S + CONNECT_TIMEOUT_S),
    Value("ict 9.3", "the dashboard follows after, s", 1.0, EVERY_S),
    Value(
        "ict 9.3",
        "a fill is on the dashboard after, s",
        1.0,
        target("dashboard_viewers.py", "row, 95 %"),
    ),
    Value("own rule", "position protected within, s", 5.0, ProtectionSettings().confirm_within_s),
]

FAULTS = "tests/faults/"
OUTCOMES = [
    Outcome(
        "ict 9.1",
        "share of the time with streams",
        0.99,
        FAULTS + "test_market_streams.py::"
        "test_f11_a_silent_market_stream_is_replaced_and_its_gap_is_filled",
    ),
    Outcome(
        "ict 9.1",
        "share of the orders that are executed",
        0.99,
        FAULTS + "test_faulty_day.py::test_f26_hours_of_all_faults_lose_nothing",
    ),
    Outcome(
        "ict 9.1",
        "share of the time that it runs, and of the positions taken up again",
        (0.99, 1.0),
        FAULTS + "test_kills.py::test_f1_a_kill_in_each_window_loses_and_doubles_nothing",
    ),
    Outcome(
        "ict 9.1",
        "share of the handlers that fail",
        0.01,
        "tests/executor/bus/test_bus.py::"
        "test_a_failing_handler_is_retried_once_and_the_others_still_run",
    ),
    Outcome(
        "ict 9.2",
        "share of the days within the daily loss",
        1.0,
        "tests/executor/risk/test_day_limits.py::test_the_daily_limit_keeps_or_closes_what_is_open",
    ),
    Outcome(
        "dca 7",
        "requests a minute for prices while streams flow",
        0,
        "tests/executor/protection/test_rest_prices.py::"
        "test_a_stop_that_does_not_fire_is_followed_though_the_stream_is_down",
    ),
]
