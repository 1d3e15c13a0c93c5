"""Parity: a day's live decisions and trades, made again by the research code, side by side.

The inputs are the candles that the executor received; before them, and where it was down, those of
the lake. What it decided is compared wherever it heard a candle in time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flows.settings import ResearchSettings
from flows.steps.data.candles import start_compiling
from flows.steps.evidence.live_day import (
    ADOPTED,
    LiveDay,
    Row,
    Stint,
    Subject,
    read_live_day,
    trade_doubt,
)
from flows.steps.evidence.parity_candles import contiguous, has_hole, series_of
from flows.steps.evidence.parity_table import (
    ParityResult,
    differing,
    key_of_row,
    read_parity,
    write_parity,
)
from flows.steps.evidence.received import NOTHING
from flows.steps.evidence.trade_replay import live_trade, replayed_trade
from flows.steps.release.previous import roll_back
from lake.releases import StrategyEntry, read_release
from lake.series import load_funding
from lake.store import Lake
from trading.candles import DAY_MS, MINUTE_MS, CandleColumns
from trading.errors import NocturneError
from trading.market.funding import FundingRates
from trading.research.evidence.parity import (
    ComparedDecision,
    ComparedTrade,
    MadeDecision,
    compare_decisions,
    compare_trades,
)
from trading.simulation.backtest import decide
from trading.strategies.layout import (
    ACTION,
    ATR,
    CONFIDENCE,
    ENTER,
    EXIT,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.registry import get_strategy
from trading.strategies.setup import Setup

HISTORY_DAYS = 30
"""Received candles of this many days before the day are used where the lake has none."""
CLOSING_MS = 1_000
"""An exit signal this shortly before a position is closed may find it closed."""


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """A subject with its parameters in a span (ms); with ``exits_only`` no entry is expected."""

    subject: Subject
    params: Mapping[str, Any]
    stint: Stint
    exits_only: bool = False


def compare_day(
    lake: Lake, *, day: datetime, as_of: datetime, settings: ResearchSettings
) -> ParityResult:
    """Compare the UTC day that begins at ``day``, and write the table ``parity``.

    A new difference of the current release makes the one before it current again, if that is still
    valid; the evidence of the strategy is demoted by the next nightly.
    """
    start_compiling()
    live = read_live_day(lake, day, as_of, HISTORY_DAYS)
    rows = list(_compared(lake, live, as_of, settings))
    # Within the day: the time of a row belongs to its partition.
    known_at = min(day + timedelta(days=1), as_of) - timedelta(milliseconds=1)
    whole = tuple({**row, "known_at": known_at} for row in rows)
    known = differing(read_parity(lake, live.day))
    found = ParityResult(live.day, whole)
    new = [row for row in found.differences if key_of_row(row) not in known]
    # Found again, a difference has moved the pointer already: a kill between both loses nothing.
    moved = roll_back(lake, {row["release_id"] for row in new}, as_of)
    write_parity(lake, live.day, whole)
    return replace(found, rolled_back=moved)


def compare_last_day(lake: Lake, *, as_of: datetime, settings: ResearchSettings) -> ParityResult:
    """Compare the last UTC day that is over at ``as_of``."""
    midnight = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    return compare_day(lake, day=midnight - timedelta(days=1), as_of=as_of, settings=settings)


def _compared(
    lake: Lake, live: LiveDay, as_of: datetime, settings: ResearchSettings
) -> Iterator[dict[str, Any]]:
    subjects = sorted(
        {subject for stint in live.stints for subject in stint.subjects if _today(stint, live)}
    )
    subjects += sorted({subject for subject, _ in live.signals} - set(subjects))
    subjects += sorted({_subject_of(row) for row in _closed(live)} - set(subjects))
    for subject in subjects:
        try:
            yield from _compare_subject(lake, live, subject, as_of, settings)
        except NocturneError as error:
            yield _row(subject, "subject", live.begin_ms, "not compared", str(error))


def _today(stint: Stint, live: LiveDay) -> bool:
    return stint.begin_ms < live.end_ms and stint.end_ms >= live.begin_ms


def _subject_of(row: Row) -> Subject:
    return Subject(row["strategy"], row["symbol"], row["venue"])


def _closed(live: LiveDay) -> list[Row]:
    """Positions that ended on the day, with at least one fill."""
    return [
        row
        for row in live.positions
        if row.get("closed_at") is not None
        and row["strategy"] != ADOPTED
        and live.fills.get(row["id"])
        and live.begin_ms <= _ms(row["closed_at"]) < live.end_ms
    ]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _compare_subject(
    lake: Lake, live: LiveDay, subject: Subject, as_of: datetime, settings: ResearchSettings
) -> Iterator[dict[str, Any]]:
    candles = series_of(lake, live, subject, as_of)
    if replaced := live.replaced.get(subject.strategy):
        # A position that was open at the change was decided on with both.
        why = f"the settings replaced {', '.join(sorted(replaced))} of the release"
        yield _row(subject, "subject", live.begin_ms, "not compared", why)
        return
    yield from _compare_decisions(lake, live, subject, candles)
    funding = load_funding(lake, subject.venue, subject.symbol, as_of)
    for position in _closed(live):
        if _subject_of(position) == subject:
            if doubt := trade_doubt(lake, position, as_of):
                bar_time = _ms(position["bar_time"])
                yield _row(subject, "trade", bar_time, "not compared", doubt) | _names(position)
            else:
                yield _compare_trade(live, position, candles, funding, settings)


def _compare_decisions(
    lake: Lake, live: LiveDay, subject: Subject, candles: CandleColumns
) -> Iterator[dict[str, Any]]:
    signals = [data for own, data in live.signals if own == subject]
    releases = {data["bar_time"]: data["release_id"] for data in signals}
    expected: list[MadeDecision] = []
    for plan in _plans(lake, live, subject):
        own = _expected(live, plan, candles)
        releases = {made.bar_time: plan.stint.release_id for made in own} | releases
        expected += own
    for decision in compare_decisions([_live_decision(data) for data in signals], expected):
        yield _decision_row(subject, decision, releases[decision.bar_time])


def _plans(lake: Lake, live: LiveDay, subject: Subject) -> Iterator[SubjectPlan]:
    """Parameters of a subject over the day, by release; without one, those of its open position."""
    covered: list[tuple[int, int]] = []
    for stint in live.stints:
        if subject in stint.subjects and _today(stint, live):
            covered.append((stint.begin_ms, stint.end_ms))
            yield SubjectPlan(subject, _entry_of(lake, stint.release_id, subject).params, stint)
    for subject_of_signal, data in live.signals:
        moment = data["bar_time"] + MINUTE_MS
        inside = any(begin < moment <= end for begin, end in covered)
        if subject_of_signal != subject or data["action"] != "exit" or inside:
            continue
        # A position whose strategy the release lacks keeps its own parameters for its exits.
        span = Stint("", moment - 1, moment, frozenset({subject}), crashed=False)
        for position in live.positions:
            if _subject_of(position) == subject and _holds(position, moment):
                params = get_strategy(subject.strategy).resolve(_params(position))
                yield SubjectPlan(subject, params, span, exits_only=True)


def _entry_of(lake: Lake, release_id: str, subject: Subject) -> StrategyEntry:
    """Return what a release says of a subject; a venue may follow the strategies of another."""
    release = read_release(lake.published, release_id)
    own = release.entry(subject.strategy, subject.symbol, subject.venue)
    found = own or release.entry(subject.strategy, subject.symbol)
    if found is None:
        raise NocturneError(f"release {release_id} has no {subject.strategy} {subject.symbol}")
    return found


def _params(position: Row) -> dict[str, Any]:
    return dict(json.loads(position["params"]))


def _expected(live: LiveDay, plan: SubjectPlan, candles: CandleColumns) -> list[MadeDecision]:
    """What the research code decides on the candles that the executor heard in a span."""
    subject, stint = plan.subject, plan.stint
    strategy = get_strategy(subject.strategy)
    heard = live.heard.get((subject.venue, subject.symbol), NOTHING)
    begin, end = max(stint.begin_ms, live.begin_ms - 1), min(stint.end_ms, live.end_ms - 1)
    due = heard.due(begin, end)
    if not due:
        return []
    series = contiguous(candles, min(due), max(due))
    if missing := _replay_doubt(subject.strategy, plan.params, series, min(due)):
        raise NocturneError(missing)
    if has_hole(series):
        raise NocturneError("minutes of the day are not known; run nocturne download")
    stream = decide(strategy, series, plan.params)
    found = []
    for row in np.flatnonzero((stream[:, ACTION] == ENTER) | (stream[:, ACTION] == EXIT)):
        time = int(series.open_time[row])
        if time not in due:
            continue
        made = _replayed_decision(time, stream[row], float(series.close[row]), strategy.side)
        if made.action == "enter":
            if due[time] and not plan.exits_only:
                found.append(replace(made, unheard=_killed(stint, made)))
        elif (why := _exit_doubt(live, plan, made)) is not None:
            found.append(replace(made, unheard=why or _killed(stint, made)))
    return found


def _replay_doubt(name: str, params: Mapping[str, Any], series: CandleColumns, moment: int) -> str:
    """Why the research code cannot decide at ``moment`` as the executor did; empty if it can."""
    if get_strategy(name).reads_forecasts(params):
        return f"{name} decides on published forecasts, which the lake does not keep"
    needed = Setup.of(get_strategy(name), params, MINUTE_MS).history_needed()
    span_ms = max(length * bars for length, bars in needed.items())
    known_ms = max(0, moment - int(series.open_time[0])) if len(series) else 0
    if known_ms >= span_ms:
        return ""
    return (
        f"{name} needs {span_ms / DAY_MS:.3g} days of candles before the day, and"
        f" {known_ms / DAY_MS:.3g} are known without a hole; run nocturne download"
    )


def _replayed_decision(time: int, out: Any, close: float, side: int) -> MadeDecision:
    return MadeDecision(
        bar_time=time,
        action="enter" if out[ACTION] == ENTER else "exit",
        side=int(out[SIDE]) or side,
        price=close,
        atr=_known(out[ATR]),
        stop=_known(out[STOP_PRICE]),
        target=_known(out[TARGET_PRICE]),
        confidence=_known(out[CONFIDENCE]),
    )


def _live_decision(data: Row) -> MadeDecision:
    return MadeDecision(
        bar_time=data["bar_time"],
        action=data["action"],
        side=data["side"],
        price=data["price"],
        atr=data["atr"],
        stop=data["stop_price"],
        target=data["target_price"],
        confidence=data["confidence"],
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _killed(stint: Stint, made: MadeDecision) -> str:
    """Why a run that ended in a crash may not have decided on its last candle."""
    if stint.crashed and made.bar_time + 2 * MINUTE_MS > stint.end_ms:
        return "the executor was killed within a minute"
    return ""


def _exit_doubt(live: LiveDay, plan: SubjectPlan, made: MadeDecision) -> str | None:
    """Why a replayed exit may be missing; None where no position could have exited."""
    moment = made.bar_time + MINUTE_MS
    for position in live.positions:
        if _subject_of(position) != plan.subject or made.bar_time <= _ms(position["bar_time"]):
            continue
        if not _holds(position, moment):
            continue
        closed = position.get("closed_at")
        if closed is not None and _ms(closed) - moment <= CLOSING_MS:
            return "the position was being closed"
        if str(plan.params.get("exit_after_half", "off")) == "on":
            return "the position takes exits only after its half is closed"
        return ""
    return None


def _holds(position: Row, moment: int) -> bool:
    closed = position.get("closed_at")
    return _ms(position["opened_at"]) < moment and (closed is None or moment <= _ms(closed))


def _compare_trade(
    live: LiveDay,
    position: Row,
    candles: CandleColumns,
    funding: FundingRates,
    settings: ResearchSettings,
) -> dict[str, Any]:
    subject, bar_time = _subject_of(position), _ms(position["bar_time"])
    during = candles.slice(bar_time, _ms(position["closed_at"]))
    series = contiguous(candles, bar_time, int(candles.open_time[-1])) if len(during) else during
    if not len(during) or during.open_time[0] != bar_time or has_hole(during):
        why = "minutes of the trade are not known; run nocturne download"
    else:
        params = get_strategy(subject.strategy).resolve(_params(position))
        why = _replay_doubt(subject.strategy, params, series, bar_time)
    if why:
        return _row(subject, "trade", bar_time, "not compared", why) | _names(position)
    own = live_trade(position, live.fills[position["id"]], live.orders, candles, funding)
    made = replayed_trade(position, own, series, funding, settings.fee_bps)
    text = f"{own.ended}, {len(own.fills)} fills"
    if made is None:
        reason = "the replay does not enter on this candle"
        return _row(subject, "trade", bar_time, "different", reason, text) | _names(position)
    found = compare_trades(own, made, settings.parity.band)
    theirs = f"{made.ended or 'open'}, {len(made.fills)} fills"
    return _row(subject, "trade", bar_time, found.verdict, found.reason, text, theirs) | _figures(
        found, position
    )


def _names(position: Row) -> dict[str, Any]:
    return {"position_id": position["id"], "release_id": position["release_id"]}


def _figures(found: ComparedTrade, position: Row) -> dict[str, Any]:
    names = ("gap", "fees", "funding", "slippage", "latency", "rest", "delay_ms")
    return {name: getattr(found, name) for name in names} | {
        "live_return": found.live_return,
        "replayed_return": found.replayed_return,
        **_names(position),
    }


def _decision_row(subject: Subject, found: ComparedDecision, release_id: str) -> dict[str, Any]:
    row = _row(subject, found.action, found.bar_time, found.verdict, found.reason)
    return row | {"live": found.live, "replayed": found.replayed, "release_id": release_id}


def _row(
    subject: Subject,
    what: str,
    bar_time: int,
    verdict: str,
    reason: str,
    live: str = "",
    replayed: str = "",
) -> dict[str, Any]:
    return {
        "what": what,
        "venue": subject.venue,
        "strategy": subject.strategy,
        "symbol": subject.symbol,
        "bar_time": datetime.fromtimestamp(bar_time / 1000, UTC),
        "verdict": verdict,
        "reason": reason,
        "live": live,
        "replayed": replayed,
        "release_id": "",
    }
