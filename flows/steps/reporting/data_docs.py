"""Great Expectations' data docs: the suite and what it finds in every month, as pages of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from flows.settings import ResearchSettings
from flows.steps.data.checks.month_facts import MonthFacts, facts_of
from lake.store import Lake
from lake.tables import RAW_CANDLES
from trading.errors import DataError


def write_data_docs(
    lake: Lake, *, as_of: datetime, symbols: Sequence[str], settings: ResearchSettings
) -> Path:
    """Check all raw months of ``symbols`` known at ``as_of`` and write pages on them.

    They go to the folder ``settings.data_docs``; the pages of earlier runs stay beside them.
    Returns the first page.
    """
    from flows.steps.data.checks.expectations import write_pages

    folder = Path(settings.data_docs)
    facts = {symbol: _facts(lake, settings.venue, symbol, as_of) for symbol in symbols}
    known: Mapping[str, Sequence[MonthFacts]] = {name: one for name, one in facts.items() if one}
    if not known:
        raise DataError(f"there are no candles of {', '.join(symbols)} to document")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the data docs cannot be written to {folder} ({error.strerror}); see the setting "
            "'data_docs'"
        ) from error
    return write_pages(known, folder)


def _facts(lake: Lake, venue: str, symbol: str, as_of: datetime) -> list[MonthFacts]:
    found = []
    for part in lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol, interval="1m"):
        data = lake.read_partition(part, as_of)
        if data.num_rows:
            found.append(facts_of(data))
    return found
