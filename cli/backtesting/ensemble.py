"""The ensemble on the command line: its summary, rules and members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from cli.inputs.strategy_choice import ENSEMBLE
from trading.errors import ParameterError

if TYPE_CHECKING:
    from trading.ensemble.regimes import RegimeRules
    from trading.ensemble.weights import WeightRules
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Parameter, Value

NAME = ENSEMBLE
SUMMARY = "Weigh strategies by regime and recent results; each nightly release contains it."
MEANINGS = {
    "crash_fall": "smallest fall of a crash from the highest high, as a share of it",
    "crash_bars": "candles in which to look for that high",
    "crash_atrs": "smallest fall of a crash, in slow ATRs",
    "spike": "smallest fast ATR of a volatility spike, in slow ATRs",
    "fast_atr": "candles of the fast ATR",
    "slow_atr": "candles of the slow ATR",
    "fast_mean": "span of the fast EMA",
    "slow_mean": "span of the slow EMA",
    "adx_span": "candles of the ADX",
    "min_adx": "smallest ADX of a trend",
    "least": "smallest weight of a strategy on a symbol",
    "most": "largest weight of a strategy on a symbol",
    "step": "share of the way to the new weights taken each night",
    "prior_days": "days without returns counted before the out-of-sample days",
    "least_t": "evidence from which weights are learnt and not equal; 0: always",
}
MEMBERS = ("breakout", "rsi_bollinger")
"""The default members of `nocturne backtest` and `nocturne search`."""
_WHOLE = {"crash_bars", "fast_atr", "slow_atr", "fast_mean", "slow_mean", "adx_span"}
_HIGHEST = {"least": 1.0, "most": 1.0, "step": 1.0, "crash_fall": 1.0, "min_adx": 100.0}
_LARGEST = 10_000.0


class EnsembleParameters:
    """The rules as parameters; `make_rules` checks them together."""

    def parameter(self, name: str) -> Parameter:
        """Return the rule ``name``; `ParameterError` names the known ones otherwise."""
        from trading.strategies.parameters import Parameter

        if name not in MEANINGS:
            raise ParameterError(
                f"ensemble has no rule '{name}'; it has members, {', '.join(MEANINGS)}"
            )
        default = _defaults()[name]
        if name in _WHOLE:
            return Parameter(name, "int", int(default), 1.0, _LARGEST)
        return Parameter(name, "float", default, 0.0, _HIGHEST.get(name, _LARGEST))


def make_rules(values: Mapping[str, Value]) -> tuple[WeightRules, RegimeRules]:
    """Return the rules of ``values``, with defaults for the others.

    Raises `ParameterError` if they contradict each other.
    """
    from trading.ensemble.regimes import RegimeRules
    from trading.ensemble.weights import WeightRules

    numbers = {name: float(value) for name, value in values.items()}
    names = {field.name for field in fields(WeightRules)}
    return (
        WeightRules(**{name: value for name, value in numbers.items() if name in names}),
        RegimeRules(**{name: value for name, value in numbers.items() if name not in names}),
    )


def given_members(settings: Sequence[str]) -> tuple[list[Strategy], list[str]]:
    """Return the strategies of ``--set members=A+B`` (or the default), and the other settings.

    Raises `ParameterError` for fewer than two, an unknown or a repeated one.
    """
    from trading.strategies.registry import get_strategy

    texts = [text for text in settings if text.partition("=")[0].strip() == "members"]
    if len(texts) > 1:
        raise ParameterError("--set gives members twice; give it once")
    names = [name.strip() for text in texts for name in text.partition("=")[2].split("+")]
    names = names or list(MEMBERS)
    if len(set(names)) < max(2, len(names)):
        raise ParameterError(
            f"ensemble: members = {'+'.join(names)} are not two or more different strategies;"
            " write for example members=breakout+rsi_bollinger"
        )
    rest = [text for text in settings if text not in texts]
    return [get_strategy(name) for name in names], rest


def show() -> str:
    """Format the rules for `nocturne strategies show ensemble`."""
    from cli.tables import text_table
    from trading.ensemble.regimes import RegimeRules

    parts = {name: "regime" for name in asdict(RegimeRules())}
    rows = [
        (name, parts.get(name, "weight"), f"{value:g}", MEANINGS[name])
        for name, value in _defaults().items()
    ]
    header = ("rule", "part", "default", "meaning")
    table = text_table(header, rows, left=(0, 1, 3))
    members = (
        f"`nocturne backtest` and `nocturne search` weigh {' and '.join(MEMBERS)}, each with its"
        f" defaults; --set members={'+'.join((*MEMBERS, 'momentum'))} names others."
    )
    return f"{NAME}: {SUMMARY}\n\n{table}\n\n{members}"


def _defaults() -> dict[str, float]:
    from trading.ensemble.regimes import RegimeRules
    from trading.ensemble.weights import WeightRules

    return {**asdict(RegimeRules()), **asdict(WeightRules())}
