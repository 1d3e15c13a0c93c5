"""The regime switch and ensemble on the command line: listed and shown, made by the nightly."""

from __future__ import annotations

from dataclasses import asdict

from cli.choosing import ENSEMBLE as NAME

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


def show() -> str:
    """The rules as `nocturne strategies show ensemble` prints them."""
    from cli.tables import text_table
    from trading.ensemble import WeightRules
    from trading.regimes import RegimeRules

    defaults = {
        name: (part, value)
        for part, rules in (("regime", RegimeRules()), ("weight", WeightRules()))
        for name, value in asdict(rules).items()
    }
    rows = [(name, part, f"{v:g}", MEANINGS[name]) for name, (part, v) in defaults.items()]
    header = ("rule", "of the", "default", "meaning")
    return f"{NAME}: {SUMMARY}\n\n{text_table(header, rows, left=(0, 1, 3))}"
