"""What the trades of one run come to: the same figures on every page that shows trades."""

from __future__ import annotations

from collections.abc import Sequence

from flows.report.charts.curves import Curve, rolling_sharpe, rolling_volatility
from flows.report.charts.prices import Bars, TradeMark
from flows.report.return_tables import period_grid, risk_grid
from flows.report.sections.trade_summary import summary_grid
from flows.report.tables import FEW_TRADES
from flows.report.trade_tables import drawdown_grid, reason_grid, weekday_grid
from flows.report.views import Chart, TradeFigures


def trade_figures(
    prefix: str, trades: Sequence[TradeMark], equity: Curve, hold: Curve | None
) -> TradeFigures:
    """Return the tables and charts of trades; ``prefix`` makes the keys of the charts unique.

    ``equity`` is what the trades compound to, ``hold`` the value of buying and holding meanwhile.
    """
    return TradeFigures(
        rolling=rolling_charts(prefix, trades, equity),
        summary=summary_grid(trades),
        risk=risk_grid(equity, trades),
        periods=period_grid(equity, hold) if trades and hold is not None else None,
        drawdowns=drawdown_grid(equity),
        reasons=reason_grid(trades),
        weekdays=weekday_grid(trades),
    )


def rolling_charts(prefix: str, trades: Sequence[TradeMark], equity: Curve) -> tuple[Chart, ...]:
    """Show the rolling Sharpe ratio and volatility, unless too few trades carry them."""
    if len(trades) < FEW_TRADES:
        return ()
    found = (
        rolling_sharpe(f"{prefix}rolling-sharpe", equity),
        rolling_volatility(f"{prefix}rolling-volatility", equity),
    )
    return tuple(one for one in found if one is not None)


def hold_curve(bars: Bars) -> Curve:
    """Return the value of buying at the first open and holding; 1 is the start."""
    ends = (time + bars.interval_ms for time in bars.times)
    values = (close / bars.opens[0] for close in bars.closes)
    return Curve((bars.times[0], *ends), (1.0, *values))
