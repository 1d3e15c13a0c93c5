"""The ensemble section: weights by regime, and the regime of each symbol."""

from __future__ import annotations

from flows.report import formats
from flows.report.language import tr
from flows.report.tables import counted, joined
from flows.report.views import MUTED, WARN, AllocationView, Cell, TableView
from lake.releases import Ensemble
from trading.ensemble.regimes import LABELS
from trading.ensemble.weights import regime_weights


def allocation_view(ensemble: Ensemble | None) -> AllocationView:
    """Return the weights and regimes of a release."""
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
    return AllocationView(lead, weight_grid(ensemble), regime_grid(ensemble))


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
