"""`nocturne search --html`: the page of one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.pages.html_file import page_locale, write_html

if TYPE_CHECKING:
    from trading.metrics import Metrics
    from trading.strategies.parameters import Value

    Results = Sequence[tuple[Mapping[str, Value], Metrics]]


def write_page(
    target: str, document: Mapping[str, Any], results: Results, ranked: Results, significance: str
) -> None:
    """Write the page atomically; ``ranked`` has the best first. `DataError` if it cannot."""
    from flows.report.language import localized, tr
    from flows.report.search_page import SearchRun, search_html
    from flows.report.views import Fact

    with localized(page_locale()):
        facts = (
            Fact(tr("Method"), tr(str(document["method"]))),
            Fact(tr("Fee of a fill"), f"{document['fee_bps']:g} bp"),
            Fact(tr("Slippage of a market fill"), f"{document['slippage_bps']:g} bp"),
            Fact(tr("Funding"), str(document["funding"] or tr("none given"))),
        )
        run = SearchRun(
            strategy=str(document["strategy"]),
            source=Path(str(document["candles"])).name,
            results=results,
            ranked=ranked,
            sort=str(document["sort"]),
            significance=significance,
            facts=facts,
        )
        write_html(target, search_html(run))
