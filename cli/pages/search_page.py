"""`nocturne search --html`: the page of one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.pages.html_file import write_html

if TYPE_CHECKING:
    from trading.metrics import Metrics
    from trading.strategies.parameters import Value

    Results = Sequence[tuple[Mapping[str, Value], Metrics]]


def write_page(
    target: str, document: Mapping[str, Any], results: Results, ranked: Results, significance: str
) -> None:
    """Write the page atomically; ``ranked`` has the best first. `DataError` if it cannot."""
    from flows.report.search_page import SearchRun, search_html
    from flows.report.views import Fact

    facts = (
        Fact("Method", str(document["method"])),
        Fact("Fee of a fill", f"{document['fee_bps']:g} bp"),
        Fact("Slippage of a market fill", f"{document['slippage_bps']:g} bp"),
        Fact("Funding", str(document["funding"] or "none given")),
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
