"""What an assistant may ask of the lake and the ledger; nothing here writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading.errors import DataError, ParameterError

Rows = list[dict[str, Any]]
MOST_TRADES = 200


@dataclass(frozen=True, slots=True)
class Answers:
    """One lake, and a ledger where there is one."""

    lake: Path
    ledger: Path | None

    def tables(self) -> dict[str, list[str]]:
        """List the lake's views with their columns."""
        from lake.catalog import columns_of_views, open_catalog
        from lake.store import Lake

        connection = open_catalog(Lake(self.lake))
        try:
            return columns_of_views(connection)
        finally:
            connection.close()

    def releases(self) -> Rows:
        """List all releases, the oldest first, with their state."""
        from lake.releases import list_releases

        return [asdict(one) for one in list_releases(self.lake / "published")]

    def release(self, release_id: str = "") -> dict[str, Any]:
        """Show a release (the current one without an id): strategies, results, gates, evidence."""
        from lake.releases import current_release, read_release

        root = self.lake / "published"
        found = read_release(root, release_id) if release_id else current_release(root)
        return {
            "release": found.release_id,
            "as_of": found.as_of,
            "strategies": [one.model_dump(mode="json") for one in found.strategies],
            "left_out": [one.model_dump(mode="json") for one in found.left_out],
        }

    def report(self) -> dict[str, Any]:
        """Show the first screen of the report: the account, what is traded, checks, next steps."""
        from flows.report.lake_reader import read_report_data
        from flows.report.page import strategy_entries
        from flows.report.sections.first_screen import first_screen
        from lake.store import Lake

        data = read_report_data(Lake(self.lake), datetime.now(UTC), None)
        first = first_screen(data, strategy_entries(data))
        facts = {fact.label: f"{fact.value} {fact.note}".strip() for fact in first.account.facts}
        return {
            "headline": first.account.headline,
            "facts": facts,
            "checks": {one.label: one.text for one in first.checks},
            "changes": [first.changes.lead, *first.changes.lines],
            "next": list(first.steps),
        }

    def strategies(self) -> dict[str, str]:
        """List the strategies with their summaries."""
        from trading.strategies.registry import get_strategy, strategy_names

        return {name: get_strategy(name).summary for name in strategy_names()}

    def strategy(self, name: str) -> dict[str, Any]:
        """Show the parameters of a strategy: default, bounds, meaning."""
        chosen = _named(name)
        rows = [
            {
                "name": one.name,
                "kind": one.kind,
                "default": one.default,
                "least": one.low if abs(one.low) != float("inf") else None,
                "most": one.high if abs(one.high) != float("inf") else None,
                "choices": list(one.choices),
                "meaning": one.help,
            }
            for one in chosen.parameters
        ]
        return {"name": chosen.name, "summary": chosen.summary, "parameters": rows}

    def backtest(
        self,
        strategy: str,
        symbol: str,
        start: str,
        end: str,
        params: dict[str, float | int | str] | None = None,
    ) -> dict[str, Any]:
        """Back-test a strategy on candles of the lake, from day ``start`` to day ``end``.

        Costs are those of the night: fees, slippage, funding. ``params`` not given keep their
        defaults; filters='off' switches the filters off.
        """
        from cli.backtesting.results import parse_settings
        from cli.inputs.margin import margin_of
        from cli.inputs.market import MarketChoice
        from cli.summary.strategy_run import run_strategy
        from trading.defaults import CAPITAL, FEE_BPS, SLIPPAGE_BPS
        from trading.simulation import Costs

        chosen = _named(strategy)
        given = parse_settings(
            [f"{name}={value}" for name, value in (params or {}).items()], chosen
        )
        choice = MarketChoice(symbol=symbol, lake=self.lake, since=start, until=end)
        costs = Costs(FEE_BPS, SLIPPAGE_BPS, None, margin_of(CAPITAL, None, symbol))
        return run_strategy(chosen, given, choice, costs).document()

    def positions(self) -> Rows:
        """List the open positions with their stops."""
        from cli.ledger.positions import open_positions

        return open_positions(self._place())

    def trades(self, count: int = 20) -> Rows:
        """List the closed positions, the newest first; at most 200."""
        from cli.ledger.positions import closed_trades

        if not 1 <= count <= MOST_TRADES:
            raise DataError(f"count {count} is not possible; give 1 to {MOST_TRADES}")
        return closed_trades(self._place(), count)

    def profit(self) -> Rows:
        """Sum up trades and net profit of today, 7 days, 30 days and all time."""
        from cli.ledger.positions import profit

        return profit(self._place())

    def why(self, order: str) -> dict[str, Any]:
        """Explain an order by its id: signal, candle, release, flow run, data, what verifies."""
        from cli.why.report import explain

        return dict(explain(order, self._place(), self.lake))

    def _place(self) -> Any:
        from executor.ledger.reader import LedgerPlace

        if self.ledger is None:
            raise DataError("no ledger was given: nocturne mcp --ledger FILE")
        return LedgerPlace(str(self.ledger))


def _named(name: str) -> Any:
    """Return a strategy by name alone: ``module:Class`` would import any module."""
    from trading.strategies.registry import get_strategy

    if ":" in name:
        raise ParameterError(f"strategy '{name}' is refused here; give a name of `strategies`")
    return get_strategy(name)
