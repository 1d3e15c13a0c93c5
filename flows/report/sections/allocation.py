"""The ensemble section: weights by regime, and the regime of each symbol."""

from __future__ import annotations

from flows.report import formats
from flows.report.tables import counted, joined
from flows.report.views import MUTED, WARN, AllocationView, Cell, TableView
from lake.releases import Ensemble
from trading.ensemble.regimes import LABELS
from trading.ensemble.weights import regime_weights


def allocation_view(ensemble: Ensemble | None) -> AllocationView:
    """Return the weights and regimes of a release."""
    if ensemble is None:
        return AllocationView("The release does not say how its strategies share the account.")
    pauses = [
        f"{counted(count, 'candle')} after a {words(regime)} began"
        for regime, count in sorted(ensemble.pauses.items())
        if count
    ]
    lead = (
        "The largest share of equity that each strategy may use for an entry, by the regime of its "
        f"symbol ({ensemble.interval} candles). Weights come from out-of-sample days, bounded and "
        "smoothed; what a regime takes away stays in cash."
    )
    if pauses:
        lead += f" No entries for {joined(pauses)}."
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
                Cell(name.replace("/", " on ")),
                Cell(formats.percent(member.weight)),
                *(Cell(formats.percent(share), "" if share else MUTED) for share in shares),
                Cell(formats.whole(member.days)),
                Cell(formats.whole(member.trades)),
            )
        )
    head = ("Strategy", "Weight", *(words(r).capitalize() for r in LABELS), "Days", "Trades")
    return TableView(head, tuple(rows), caption="Shares of the account")


def regime_grid(ensemble: Ensemble) -> TableView | None:
    """Return the label of each symbol as of the release."""
    rows = tuple(
        (
            Cell(symbol),
            Cell(words(found.label), WARN if ensemble.pauses.get(found.label) else ""),
            Cell(formats.moment(found.since) if found.since else formats.NONE),
        )
        for symbol, found in sorted(ensemble.regimes.items())
    )
    if not rows:
        return None
    return TableView(
        ("Symbol", "Regime", "Since"),
        rows,
        frozenset({0, 1, 2}),
        caption="Regimes as of the release",
    )
