"""The ensemble section: weights by regime and night, and the regime of each symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.report import formats
from flows.report.language import tr
from flows.report.tables import counted, joined
from flows.report.views import MUTED, WARN, AllocationView, Cell, TableView
from lake.releases import Ensemble, WeightChoice
from trading.ensemble.regimes import LABELS
from trading.ensemble.weights import regime_weights

COLUMNS = 8
"""Members whose weights are shown."""


@dataclass(frozen=True, slots=True)
class PastWeights:
    """The weights of one release, by member, and why they were learnt or equal."""

    as_of: datetime
    weights: Mapping[str, float]
    choice: WeightChoice | None


def allocation_view(ensemble: Ensemble | None, past: Sequence[PastWeights] = ()) -> AllocationView:
    """Return the weights and regimes of a release, and the ``past`` weights of its members."""
    if ensemble is None:
        return AllocationView(tr("The release does not say how its strategies share the account."))
    pauses = [
        tr(
            "{candles} after a {regime} began",
            candles=counted(count, "candle"),
            regime=tr(words(regime)),
        )
        for regime, count in sorted(ensemble.pauses.items())
        if count
    ]
    lead = tr(
        "The largest share of equity that each strategy may use for an entry, by the regime of "
        "its symbol ({interval} candles). Weights come from out-of-sample days, bounded and "
        "smoothed; what a regime takes away stays in cash.",
        interval=ensemble.interval,
    )
    if pauses:
        lead += tr(" No entries for {names}.", names=joined(pauses))
    if ensemble.choice is not None:
        lead += " " + choice_text(ensemble.choice)
    return AllocationView(
        lead, weight_grid(ensemble), regime_grid(ensemble), history_grid(ensemble, past)
    )


def choice_text(choice: WeightChoice) -> str:
    """Say why weights are learnt or equal."""
    facts = {
        "days": formats.whole(choice.days),
        "gain": formats.percent(choice.gain, 3),
        "t_value": formats.decimal(choice.t_value, 1),
        "least_t": f"{choice.least_t:g}",
    }
    if choice.learned:
        return tr(
            "Weights are learnt: on {days} out-of-sample days that earned {gain} a day more than "
            "equal weights ({t_value} standard errors).",
            **facts,
        )
    return tr(
        "Weights are equal: on {days} out-of-sample days the difference of learnt ones was {gain} "
        "a day ({t_value} standard errors; {least_t} are needed).",
        **facts,
    )


def history_grid(ensemble: Ensemble, past: Sequence[PastWeights]) -> TableView | None:
    """Return one row per release, one column for each of the members that weigh most."""
    if not past:
        return None
    names = sorted(ensemble.weights, key=lambda name: (-ensemble.weights[name], name))[:COLUMNS]
    rows = tuple(
        (
            Cell(formats.moment(one.as_of)),
            Cell(_kind(one.choice)),
            *(
                Cell(formats.percent(one.weights[name]) if name in one.weights else formats.NONE)
                for name in names
            ),
        )
        for one in past
    )
    titles = (
        tr("{strategy} on {symbol}", strategy=name.partition("/")[0], symbol=name.partition("/")[2])
        for name in names
    )
    caption = tr("Weights by release")
    if len(ensemble.weights) > COLUMNS:
        caption += tr(", the {count} largest", count=COLUMNS)
    return TableView(
        (tr("Release as of"), tr("Weights"), *titles), rows, frozenset({0, 1}), caption=caption
    )


def _kind(choice: WeightChoice | None) -> str:
    if choice is None:
        return formats.NONE
    return tr("learnt") if choice.learned else tr("equal shares")


def words(regime: str) -> str:
    """Write ``up_trend`` as words."""
    return regime.replace("_", " ")


def weight_grid(ensemble: Ensemble) -> TableView:
    """Return one row per member, one column per regime."""
    by_regime = {
        regime: regime_weights(ensemble.weights, ensemble.factors, regime) for regime in LABELS
    }
    rows = []
    for name, member in ensemble.members.items():
        shares = [by_regime[regime][name] for regime in LABELS]
        rows.append(
            (
                Cell(
                    tr(
                        "{strategy} on {symbol}",
                        strategy=name.partition("/")[0],
                        symbol=name.partition("/")[2],
                    )
                ),
                Cell(formats.percent(member.weight)),
                *(Cell(formats.percent(share), "" if share else MUTED) for share in shares),
                Cell(formats.whole(member.days)),
                Cell(formats.whole(member.trades)),
            )
        )
    head = (
        tr("Strategy"),
        tr("Weight"),
        *(tr(words(r).capitalize()) for r in LABELS),
        tr("Days"),
        tr("Trades"),
    )
    return TableView(head, tuple(rows), caption=tr("Shares of the account"))


def regime_grid(ensemble: Ensemble) -> TableView | None:
    """Return the label of each symbol as of the release."""
    rows = tuple(
        (
            Cell(symbol),
            Cell(tr(words(found.label)), WARN if ensemble.pauses.get(found.label) else ""),
            Cell(formats.moment(found.since) if found.since else formats.NONE),
        )
        for symbol, found in sorted(ensemble.regimes.items())
    )
    if not rows:
        return None
    return TableView(
        (tr("Symbol"), tr("Regime"), tr("Since")),
        rows,
        frozenset({0, 1, 2}),
        caption=tr("Regimes as of the release"),
    )
