"""The page of a search: the choice, the plateau around it, and heat maps through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.report import formats, tables
from flows.report.assets import render
from flows.report.charts.surfaces import slices
from flows.report.language import recorded, tr
from flows.report.sections.account import tone_of
from flows.report.sections.parameter_surfaces import surface
from flows.report.views import Cell, Fact, SurfaceMap, TableView
from flows.steps.search.plateau import ApprovedPlateau, approve
from trading.metrics import Metrics
from trading.strategies.parameters import Value

MOST_PLATEAU = 5_000
"""Combinations beyond which the plateau is not looked for: its cost grows with their square."""
MOST_ROWS = 100
SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor")
NO_PLATEAU = ApprovedPlateau(0, {}, {})


@dataclass(frozen=True, slots=True)
class SearchRun:
    """A finished search; ``results`` hold the searched parameters of each set, ``sort`` ranks them.

    ``significance`` is a sentence on how much of the best is luck; ``facts`` are for the page.
    """

    strategy: str
    source: str
    results: Sequence[tuple[Mapping[str, Value], Metrics]]
    ranked: Sequence[tuple[Mapping[str, Value], Metrics]]
    sort: str
    significance: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """What the template of a search gets."""

    title: str
    kicker: str
    headline: str
    tone: str
    lead: str
    choice: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    plateau: str
    maps: tuple[SurfaceMap, ...]
    best: TableView


def search_html(run: SearchRun) -> str:
    """Return the page as one file that loads nothing."""
    return render("search.html.j2", page=search_page(run))


def search_page(run: SearchRun) -> SearchPage:
    """Return the view model of one search."""
    params, metrics = run.ranked[0]
    held = plateau_of(run)
    count = tables.counted(len(run.results), "combination")
    return SearchPage(
        title=tr("Search of {strategy}", strategy=run.strategy),
        kicker=tr("Search of {strategy} on {source}", strategy=run.strategy, source=run.source),
        headline=tr(
            "The best of {count}: {total_return}",
            count=count,
            total_return=formats.percent_change(metrics.total_return),
        ),
        tone=tone_of(metrics.total_return),
        lead=tr(
            "{significance}. Ranked by {sort}, in-sample: the best of many sets is partly lucky, "
            "and only unseen days tell.",
            significance=recorded(run.significance),
            sort=tr(run.sort.replace("_", " ")),
        ),
        choice=tuple(Fact(name, formats.anything(params[name])) for name in params),
        facts=run.facts,
        plateau=plateau_text(run, held),
        maps=heat_maps(run, held),
        best=best_grid(run),
    )


def plateau_of(run: SearchRun) -> ApprovedPlateau:
    """Return the sets that hold together around the chosen one."""
    if len(run.results) > MOST_PLATEAU:
        return NO_PLATEAU
    sets = [params for params, _ in run.results]
    returns = [metrics.total_return for _, metrics in run.results]
    return approve(sets, returns, returns, sets.index(run.ranked[0][0]))


def plateau_text(run: SearchRun, held: ApprovedPlateau) -> str:
    """Say how large the plateau is, or why there is none."""
    if len(run.results) > MOST_PLATEAU:
        return tr(
            "With more than {most:,} combinations no plateau is looked for.",
            most=MOST_PLATEAU,
        )
    if not held.size:
        return tr("The chosen set loses, so it stands on no plateau.")
    if held.size == 1:
        return tr(
            "The chosen set stands alone: no neighbour keeps half of its return. Distrust it."
        )
    return tr(
        "{size} of {results} sets hold together around the chosen one: each keeps at least half "
        "of its return and connects to it over neighbours of the grid.",
        size=held.size,
        results=len(run.results),
    )


def heat_maps(run: SearchRun, held: ApprovedPlateau) -> tuple[SurfaceMap, ...]:
    """Return planes through the chosen set, one for each pair of parameters that varied."""
    points = [
        ({name: value for name, value in params.items() if not isinstance(value, str)}, result)
        for params, result in ((p, m.total_return) for p, m in run.results)
    ]
    chosen = {n: v for n, v in run.ranked[0][0].items() if not isinstance(v, str)}
    marked = [
        numbers for (numbers, _), (p, _) in zip(points, run.results, strict=True) if held.holds(p)
    ]
    planes = slices(points, chosen, marked)
    biggest = max((abs(v) for plane in planes for v in plane.values.values()), default=0.0)
    if not biggest:
        return ()
    return tuple(
        surface(f"surface-{place}", tr("Parameter surface"), plane, biggest)
        for place, plane in enumerate(planes)
    )


def best_grid(run: SearchRun) -> TableView:
    """Show the first sets of the ranking with their measures."""
    names = list(run.ranked[0][0])
    rows = tuple(
        (
            *(Cell(formats.anything(params[name])) for name in names),
            *(tables.metric_cell(name, metrics.as_dict()) for name in SHOWN),
        )
        for params, metrics in run.ranked[:MOST_ROWS]
    )
    labels = dict(tables.MEASURES)
    head = (*names, *(tr(labels.get(name, name.replace("_", " "))) for name in SHOWN))
    more = len(run.ranked) - MOST_ROWS
    text = tr("{more:,} more; --json FILE writes all of them", more=more) if more > 0 else ""
    return TableView(head, rows, frozenset(), more=text)
