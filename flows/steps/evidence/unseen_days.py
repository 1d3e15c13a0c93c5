"""The unseen days of a frozen candidate: tried as they come, kept in the lake, folded.

Parameters are simulated, models forecast (`flows.steps.evidence.frozen_models`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from flows.settings import ResearchSettings
from flows.steps.data.candles import load_traded_candles, start_compiling
from flows.steps.evidence.hypotheses import Look, hypotheses_opened
from flows.steps.evidence.live_returns import live_returns
from flows.steps.evidence.parity_table import differences_by_day
from flows.steps.search.optimize_request import costs_of
from lake.series import load_funding, with_returns
from lake.store import Lake
from lake.tables import UNSEEN_DAYS
from trading.candles import DAY_MS
from trading.research.evidence.sequential import Stakes
from trading.research.evidence.states import State
from trading.research.evidence.unseen_days import FollowedDay, Frozen, UnseenDay, follow
from trading.simulation import backtest
from trading.strategies.registry import get_strategy

MemberReturns = Callable[[Lake, Look, str, int, datetime, ResearchSettings], Mapping[int, float]]
_DAY = timedelta(days=1)


def follow_frozen(
    lake: Lake,
    look: Look,
    looks: Sequence[Look],
    *,
    as_of: datetime,
    settings: ResearchSettings,
) -> list[FollowedDay]:
    """Return every whole day from a look up to ``as_of`` with what is known after it.

    Returns of days that the lake holds stay as they are, also if candles were corrected since: an
    unseen day is seen once. New days are simulated with the frozen parameters and stored.
    """
    stored = _stored(lake, look, as_of)
    begin = _day_of(look.as_of + _DAY - timedelta(milliseconds=1))
    returns = [float(row["net_return"]) for row in stored]
    if not stored or stored[-1]["state"] != "unproven":
        returns += _simulated(lake, look, begin, begin + len(returns), as_of, settings)
    live = live_returns(lake, look, settings.venue, begin, len(returns), as_of)
    differences = differences_by_day(lake, look, settings.venue, as_of)
    days = [
        UnseenDay(
            day=(begin + place) * DAY_MS,
            net_return=value,
            live_return=live[place],
            hypotheses=hypotheses_opened(looks, _moment(begin + place + 1)),
            difference=differences.get(begin + place, ""),
        )
        for place, value in enumerate(returns)
    ]
    frozen = Frozen(Stakes(tuple(look.findings["stakes"])), look.envelope or 1.0)
    followed = follow(frozen, days, settings.alpha)
    _store(lake, look, days, followed)
    return followed


def state_of(lake: Lake, look: Look, as_of: datetime) -> State:
    """Return the state of a frozen candidate as stored up to ``as_of``; nothing is followed."""
    stored = _stored(lake, look, as_of)
    state: State = stored[-1]["state"] if stored else "proven"
    return state


def _stored(lake: Lake, look: Look, as_of: datetime) -> list[dict[str, Any]]:
    rows = lake.read(UNSEEN_DAYS, as_of=as_of, hypothesis=look.hypothesis).to_pylist()
    own = [row for row in rows if row["frozen_at"] == look.as_of]
    return sorted(own, key=lambda row: row["day"])


def _simulated(
    lake: Lake, look: Look, begin: int, start: int, as_of: datetime, settings: ResearchSettings
) -> list[float]:
    """Net results of the members in equal parts, for whole days from ``start`` on."""
    last = _day_of(as_of)
    if start >= last:
        return []
    found = [
        _returns_of(look)(lake, look, symbol, begin, as_of, settings)
        for symbol in sorted(look.findings["members"])
    ]
    known = max((max(days) + 1 for days in found if days), default=start)
    return [
        float(np.mean([days.get(day, 0.0) for days in found]))
        for day in range(start, min(last, known))
    ]


def _returns_of(look: Look) -> MemberReturns:
    """Return what finds the daily results of a member: of parameters, or of a model."""
    if look.kind == "model":
        # Only nights with models need what reads them.
        from flows.steps.evidence.frozen_models import model_returns

        return model_returns
    start_compiling()
    return _member_returns


def _member_returns(
    lake: Lake, look: Look, symbol: str, begin: int, as_of: datetime, settings: ResearchSettings
) -> Mapping[int, float]:
    """Net return of one symbol by day from ``begin`` on, for days whose candles are there."""
    candles = load_traded_candles(lake, settings.trading_hours, settings.venue, symbol, as_of)
    if not len(candles):
        return {}
    end = (int(candles.open_time[-1]) + candles.interval_ms) // DAY_MS
    if end <= begin:
        return {}
    funding = load_funding(lake, settings.venue, symbol, as_of)
    strategy, params = (
        get_strategy(look.name).as_traded(),
        look.findings["members"][symbol]["params"],
    )
    if strategy.reads_forecasts(strategy.resolve(params)):
        candles = with_returns(lake, candles, settings.venue, symbol, as_of)
    run = backtest(
        strategy,
        candles,
        params,
        replace(costs_of(settings), funding=funding),
        trade_from_ms=begin * DAY_MS,
    )
    days = (run.days // DAY_MS).tolist()
    returns = zip(days, run.daily_returns.tolist(), strict=True)
    return {day: value for day, value in returns if begin <= day < end}


def _store(
    lake: Lake, look: Look, days: Sequence[UnseenDay], followed: Sequence[FollowedDay]
) -> None:
    """Write the days of this candidate beside those of earlier ones of the hypothesis."""
    rows = lake.read(UNSEEN_DAYS, hypothesis=look.hypothesis).to_pylist()
    kept = {
        (row["frozen_at"], row["day"]): row
        for row in rows
        if row["frozen_at"] != look.as_of or not _after_the_end(row, followed)
    }
    for day, known in zip(days, followed, strict=False):
        moment = _moment(day.day // DAY_MS)
        kept[look.as_of, moment] = {
            "known_at": moment + _DAY,
            "frozen_at": look.as_of,
            "day": moment,
            "net_return": day.net_return,
            "live_return": day.live_return,
            "hypotheses": day.hypotheses,
            "state": known.state,
            "e_value": known.e_value,
            "confirm_at": known.confirm_at,
            "decay": known.decay,
            "drawdown": known.drawdown,
            "days": known.days,
            "reason": known.reason,
        }
    if kept:
        fields = [{name: row[name] for name in UNSEEN_DAYS.schema.names} for row in kept.values()]
        table = pa.Table.from_pylist(fields, schema=UNSEEN_DAYS.schema)
        lake.write(UNSEEN_DAYS, table, hypothesis=look.hypothesis)


def _after_the_end(row: Mapping[str, Any], followed: Sequence[FollowedDay]) -> bool:
    """Whether a stored day lies behind one that ended the proof, as is known only now."""
    ended = bool(followed) and followed[-1].state == "unproven"
    return ended and _day_of(row["day"]) * DAY_MS > followed[-1].day


def _day_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) // DAY_MS


def _moment(day: int) -> datetime:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC)
