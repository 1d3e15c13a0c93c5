"""The regime switch and ensemble on the command line: listed, shown, and its rules read."""

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
SUMMARY = "Weigh strategies by regime and recent results; the nightly puts it into each release."
MEANINGS = {
    "crash_fall": "least fall of a crash from the highest high, as a share of it",
    "crash_bars": "candles that this high is looked for in",
    "crash_atrs": "least fall of a crash, in slow ATRs",
    "spike": "least fast ATR of a volatility spike, in slow ATRs",
    "fast_atr": "candles of the fast ATR",
    "slow_atr": "candles of the slow ATR",
    "fast_mean": "span of the fast EMA",
    "slow_mean": "span of the slow EMA",
    "adx_span": "candles of the ADX",
    "min_adx": "least ADX of a trend",
    "least": "least weight of a strategy on a symbol",
    "most": "most weight of a strategy on a symbol",
    "step": "share of the way to the new weights that is gone each night",
    "prior_days": "days of nothing that count before the out-of-sample days",
}
MEMBERS = ("breakout", "rsi_bollinger")
"""Those of `nocturne backtest` and `nocturne search` unless others are given."""
_WHOLE = {"crash_bars", "fast_atr", "slow_atr", "fast_mean", "slow_mean", "adx_span"}
_HIGHEST = {"least": 1.0, "most": 1.0, "step": 1.0, "crash_fall": 1.0, "min_adx": 100.0}
_LARGEST = 10_000.0


class EnsembleParameters:
    """The rules as parameters; `make_rules` checks what they are together."""

    def parameter(self, name: str) -> Parameter:
        """The rule ``name``; `ParameterError` naming the known ones otherwise."""
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
    """The rules of ``values``, with the defaults of the others; `ParameterError` where they
    contradict each other.
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
    """The strategies of ``--set members=A+B`` (the usual ones without it), and the other settings.

    `ParameterError` for fewer than two, one that is not known, or one that comes twice.
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
    """The rules as `nocturne strategies show ensemble` prints them."""
    from cli.tables import text_table
    from trading.ensemble.regimes import RegimeRules

    parts = {name: "regime" for name in asdict(RegimeRules())}
    rows = [
        (name, parts.get(name, "weight"), f"{value:g}", MEANINGS[name])
        for name, value in _defaults().items()
    ]
    header = ("rule", "of the", "default", "meaning")
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
