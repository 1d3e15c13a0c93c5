"""Tables that several sections share: verdicts and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats, language
from flows.report.language import recorded, tr
from flows.report.views import BAD, GOOD, MUTED, Cell, TableView
from trading.research.day_risk import LEAST_TRADES

Row = Mapping[str, Any]

GATE_NAMES = {
    "out_of_sample_trades": "Out-of-sample trades",
    "total_return": "Return after costs",
    "max_drawdown": "Maximum drawdown",
    "superior_ability": "Best of the trials by luck",
    "loss_probability": "Loss of the choice on unseen days",
    "superior_on_symbol": "Better than luck on this symbol",
    "deflated_sharpe": "Deflated Sharpe ratio",
    "overfitting": "Probability of overfitting",
    "plateau": "Plateau around the choice",
    "not_worse_than_current": "Not worse than the current release",
    "bootstrap": "Probability of luck alone",
    "doubled_costs": "Return at twice the costs",
    "profitable_folds": "Profitable folds",
    "without_best_trade": "Return without the best trade",
    "one_step_away": "Worst return one grid step away",
    "lookahead": "Past values that changed",
    "warmup": "Dependence on older history",
    "leak_alarm": "Too good to be true",
    "test_rows": "Out-of-sample rows",
    "beats_baseline": "Beats the best baseline",
    "better_folds": "Folds that beat the baseline",
    "positive_folds": "Profitable folds",
    "not_by_chance": "Probability of a real improvement",
}
AT_MOST = frozenset(
    {
        "max_drawdown",
        "superior_ability",
        "loss_probability",
        "overfitting",
        "bootstrap",
        "lookahead",
        "warmup",
        "leak_alarm",
        "drift",
    }
)
ABOVE = frozenset(
    {"total_return", "doubled_costs", "without_best_trade", "one_step_away", "beats_baseline"}
)
SHARES = frozenset(
    {
        "total_return",
        "max_drawdown",
        "exit_drawdown",
        "plateau",
        "not_worse_than_current",
        "doubled_costs",
        "profitable_folds",
        "positive_folds",
        "better_folds",
        "without_best_trade",
        "one_step_away",
        "win_rate",
        "expectancy",
        "exposure",
        "cagr",
        "worst_trade",
        "fees",
        "slippage",
        "funding",
    }
)
RATIOS = frozenset({"sharpe", "sortino", "calmar", "profit_factor", "reward_to_risk", "turnover"})
SIGNED = frozenset(
    {"total_return", "sharpe", "sortino", "calmar", "cagr", "expectancy", "worst_trade"}
)
"""Measures whose sign says gain or loss: they are green or red wherever they stand."""
FEW_TRADES = LEAST_TRADES
NEED_TRADES = frozenset({"sharpe", "sortino", "calmar", "cagr", "profit_factor", "reward_to_risk"})
"""Measures that say nothing with fewer than ``FEW_TRADES`` trades."""
OF_TRADES = (RATIOS - {"turnover"}) | {"win_rate", "expectancy", "worst_trade"}
COUNTS = frozenset(
    {"drawdown_days", "out_of_sample_trades", "trades", "days", "test_rows", "lookahead"}
)

MEASURES = (
    ("total_return", "Total return"),
    ("sharpe", "Sharpe ratio"),
    ("sortino", "Sortino ratio"),
    ("calmar", "Calmar ratio"),
    ("cagr", "Annual growth"),
    ("max_drawdown", "Maximum drawdown"),
    ("exit_drawdown", "Maximum drawdown at exits"),
    ("drawdown_days", "Longest drawdown, days"),
    ("win_rate", "Win rate"),
    ("profit_factor", "Profit factor"),
    ("reward_to_risk", "Average reward to risk"),
    ("expectancy", "Mean return per trade"),
    ("worst_trade", "Worst trade"),
    ("exposure", "Time in the market"),
    ("turnover", "Annual turnover, × equity"),
    ("fees", "Fees paid"),
    ("slippage", "Slippage paid"),
    ("funding", "Funding paid"),
    ("trades", "Trades"),
    ("days", "Days"),
)

BESIDE = (
    ("deflated_sharpe", "Deflated Sharpe ratio"),
    ("overfitting", "Probability of overfitting"),
    ("degradation", "Slope of the degradation"),
    ("p_value", "Probability of luck alone"),
)
"""Figures of a search that stand beside the gates and decide nothing."""


def measure(name: str, value: Any) -> str:
    """Write a metric or a gate's value in its own unit."""
    if name in COUNTS:
        return formats.whole(value)
    if name in SHARES:
        return formats.percent(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return formats.decimal(value, 2 if name in RATIOS else 3)
    return formats.anything(value)


def plain_name(name: str) -> str:
    """Write ``deflated_sharpe`` as words."""
    return tr(GATE_NAMES.get(name, name.replace("_", " ").capitalize()))


def verdict_grid(verdicts: Sequence[Row]) -> TableView | None:
    """Show every gate with its value, its limit and its verdict."""
    if not verdicts:
        return None
    rows = tuple(verdict_row(verdict) for verdict in verdicts)
    return TableView((tr("Gate"), tr("Value"), tr("Required"), tr("Verdict")), rows)


def verdict_row(verdict: Row) -> tuple[Cell, ...]:
    """Show one gate."""
    name, passed = str(verdict["name"]), bool(verdict["passed"])
    relation = "≤" if name in AT_MOST else ">" if name in ABOVE else "≥"
    threshold = verdict.get("threshold")
    required = formats.NONE if threshold is None else f"{relation} {limit(name, threshold)}"
    hint = recorded(str(verdict.get("text") or ""))
    return (
        Cell(plain_name(name), hint=hint),
        Cell(_figure(name, verdict), hint=hint),
        Cell(required, MUTED),
        Cell(tr("✓ pass"), GOOD) if passed else Cell(tr("✗ fail"), BAD),
    )


def _figure(name: str, verdict: Row) -> str:
    """Write the figure of a gate, with more digits where rounding would hide what refused it."""
    value, threshold = verdict.get("value"), verdict.get("threshold")
    shown = measure(name, value)
    if value is None or threshold is None or value == threshold:
        return shown
    if shown.strip("+ %") != measure(name, threshold).strip("+ %"):
        return shown
    factor, unit = (100, " %") if name in SHARES else (1, "")
    for digits in range(2, 6):
        if f"{factor * value:.{digits}g}" != f"{factor * threshold:.{digits}g}":
            break
    else:
        digits = 6
    return formats.signed(f"{factor * value:.{digits}g}") + unit


def limit(name: str, threshold: Any) -> str:
    """Write a threshold without needless zeros."""
    if name in SHARES:
        return formats.anything(round(float(threshold) * 100, 4)) + " %"
    return formats.anything(float(f"{threshold:.4g}"))


def metric_grid(inside: Row, outside: Row) -> TableView | None:
    """Show in-sample beside out-of-sample, and what the search says of its own choice."""
    rows = []
    for name, label in (*MEASURES, *BESIDE):
        if inside.get(name) is None and outside.get(name) is None:
            continue
        rows.append(
            (
                Cell(tr(label)),
                Cell(measured(name, inside), MUTED, hidden(name, inside)),
                metric_cell(name, outside),
            )
        )
    if not rows:
        return None
    days = inside.get("window_days")
    chosen_on = tr("Last {days} days", days=formats.anything(days)) if days else tr("In-sample")
    return TableView((tr("Measure"), chosen_on, tr("Out-of-sample")), tuple(rows))


def measured(name: str, metrics: Row) -> str:
    """Write a metric; ratios need trades, and too few of them are said to be too few."""
    instead = said_instead(name, metrics)
    return tr(instead) if instead else measure(name, metrics.get(name))


def said_instead(name: str, metrics: Row) -> str:
    """Return what stands in place of a figure that says nothing, in English; else nothing."""
    if metrics.get("trades") == 0 and name in OF_TRADES:
        return formats.NONE
    if too_few(name, metrics):
        return "too few"
    if name == "profit_factor" and not metrics.get(name) and metrics.get("win_rate"):
        return "no loss"
    return ""


def too_few(name: str, metrics: Row) -> bool:
    """Check whether a measure is known, but from fewer trades than carry it."""
    trades = metrics.get("trades")
    if name not in NEED_TRADES or trades is None or trades >= FEW_TRADES:
        return False
    return formats.known(metrics.get(name))


def metric_cell(name: str, metrics: Row) -> Cell:
    """Show a metric in the colour of its sign, unless too few trades carry it."""
    return Cell(measured(name, metrics), measured_tone(name, metrics), hidden(name, metrics))


def hidden(name: str, metrics: Row) -> str:
    """Write the value of a ratio that too few trades cannot carry, for a tooltip; else nothing."""
    if not too_few(name, metrics):
        return ""
    return tr(
        "{name} from {trades}",
        name=measure(name, metrics[name]),
        trades=counted(int(metrics["trades"]), "trade"),
    )


def measured_tone(name: str, metrics: Row) -> str:
    """Return the colour of a metric; none where something stands in place of its figure."""
    return "" if said_instead(name, metrics) else tone(name, metrics.get(name))


def tone(name: str, value: Any) -> str:
    """Colour values whose sign matters green or red."""
    if name not in SIGNED or not formats.known(value):
        return ""
    return GOOD if value > 0 else BAD if value < 0 else ""


def failed_gates(verdicts: Sequence[Row]) -> list[str]:
    """Name the gates that were not passed, as words."""
    names = [plain_name(str(one["name"])) for one in verdicts if not one["passed"]]
    return [name[0].lower() + name[1:] for name in names]


def gates_passed(verdicts: Sequence[Row]) -> str:
    """Write ``4 of 6``."""
    if not verdicts:
        return formats.NONE
    return tr(
        "{count} of {verdicts}",
        count=sum(bool(one["passed"]) for one in verdicts),
        verdicts=len(verdicts),
    )


def joined(words: Sequence[str]) -> str:
    """Write ``a``, ``a and b``, ``a, b and c``."""
    return language.joined(words)


def counted(count: int, noun: str, plural: str = "") -> str:
    """Write ``1 row``, ``2 rows``."""
    return language.counted(formats.whole(count), noun, plural or noun + "s", count == 1)
