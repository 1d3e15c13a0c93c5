"""The result of a back-test as a trader reads it: market, costs, balance, exits, months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.backtesting.results import shown_measure
from cli.inputs.market import Market
from cli.tables import text_table
from trading.candles import interval_name
from trading.simulation import Costs
from trading.simulation.summary import RunSummary


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """The emergency stop of a run (0: none) beside the one of live and paper trades, as shares.

    ``beyond`` counts the trades that went as far as the latter before they ended.
    """

    simulated: float
    live: float
    beyond: int = 0

    @property
    def sentence(self) -> str:
        """Say what is missing; empty where the run has an emergency stop."""
        if self.simulated > 0.0:
            return ""
        text = f"no emergency stop; live and paper trades have one of {self.live:.0%}"
        if not self.beyond:
            return text
        return f"{text}, which {self.beyond:,} of these trades would have met"


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What is printed of one back-test; ``signals`` is the interval that decisions come from."""

    strategy: str
    market: Market
    signals: str
    costs: Costs
    summary: RunSummary
    measures: Mapping[str, float | int]
    emergency: EmergencyStop

    def text(self) -> str:
        """Return the whole text."""
        parts = [self._head(), self._exits(), self._months(), self._measures()]
        return "\n\n".join(part for part in parts if part)

    def _head(self) -> str:
        summary, costs = self.summary, self.costs
        interval = interval_name(summary.interval_ms)
        span = f"{_moment(summary.start_ms)} to {_moment(summary.end_ms)} UTC"
        maker = "" if costs.maker_fee_bps is None else f" ({costs.maker_fee_bps:g} bp resting)"
        funding = self.market.funding_source or "none (no rates given)"
        lines = {
            "strategy": f"{self.strategy}, signals on {self.signals} candles",
            "market": f"{self.market.label}",
            "period": f"{span}, {summary.candles:,} candles of {interval}",
            "gaps": f"{summary.gaps:,} crossed, {summary.missing:,} candles missing"
            if self.market.gaps_count
            else "not counted: the venue omits minutes without trades",
            "costs": f"fee {costs.fee_bps:g} bp{maker}, slippage {costs.slippage_bps:g} bp,"
            f" funding: {funding}",
            "balance": f"{summary.start_balance:,.2f} -> {summary.end_balance:,.2f}"
            f" ({_signed(summary.end_balance / summary.start_balance - 1.0)})",
            "buy and hold": _signed(summary.buy_and_hold),
            "trades": f"{self.measures['trades']:,}",
        }
        if self.emergency.sentence:
            lines["stops"] = self.emergency.sentence
        return "\n".join(f"{name:<13} {value}" for name, value in lines.items())

    def _exits(self) -> str:
        exits = self.summary.exits
        if not exits:
            return "no trades: loosen the filters (--set filters=off) or give more candles"
        rows = [
            (name.replace("_", " "), f"{e.trades:,}", f"{e.wins:,}", _signed(e.mean_return))
            for name, e in exits.items()
        ]
        return text_table(("exit", "trades", "won", "mean return"), rows, left=(0,))

    def _months(self) -> str:
        held = self.summary.held_months
        rows = [
            (month, _signed(value), _signed(held[month]) if month in held else "")
            for month, value in self.summary.months.items()
        ]
        return text_table(("month", "return", "buy and hold"), rows, left=(0,))

    def _measures(self) -> str:
        width = max(len(name) for name in self.measures)
        return "\n".join(
            f"{name:<{width}}  {shown_measure(name, self.measures):>12}" for name in self.measures
        )


def document_of(summary: RunSummary, gaps_count: bool = True) -> dict[str, object]:
    """Return the summary as JSON: times in ISO 8601, the exits and months by name.

    Where an absent candle need not be missing, ``gaps_count`` is False and the gaps are null.
    """
    return {
        "from": _moment(summary.start_ms, "T") + "Z",
        "to": _moment(summary.end_ms, "T") + "Z",
        "candles": summary.candles,
        "interval": interval_name(summary.interval_ms),
        "gaps": summary.gaps if gaps_count else None,
        "missing_candles": summary.missing if gaps_count else None,
        "start_balance": summary.start_balance,
        "end_balance": summary.end_balance,
        "buy_and_hold": summary.buy_and_hold,
        "exits": {
            name: {"trades": e.trades, "wins": e.wins, "mean_return": e.mean_return}
            for name, e in summary.exits.items()
        },
        "months": dict(summary.months),
        "held_months": dict(summary.held_months),
    }


def _moment(ms: int, between: str = " ") -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(f"%Y-%m-%d{between}%H:%M")


def _signed(share: float) -> str:
    return f"{share:+.2%}"
