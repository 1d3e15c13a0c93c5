"""The import step: brings new files of the sample folder into the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows.settings import ResearchSettings
from lake.files import is_empty_folder
from lake.ingest.importer import import_folder
from lake.store import Lake
from lake.tables import RAW_CANDLES
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; ``failed`` lists files that could not be used, with the reason."""

    files: int
    rows: int
    partitions_written: int
    failed: tuple[tuple[str, str], ...]

    @property
    def sentence(self) -> str:
        """One line for a person."""
        bad = f", {len(self.failed)} not usable" if self.failed else ""
        return f"{self.files} files{bad}, {self.partitions_written} partitions written"


def import_candles(lake: Lake, *, as_of: datetime, settings: ResearchSettings) -> ImportResult:
    """Import the sample folder; files that are already in the lake are not read.

    Only the symbols of the settings are imported, or all when ``top_symbols`` is set. An empty
    folder is fine once the lake has candles. Raises `DataError` when the folder does not exist or
    holds nothing to import.
    """
    if is_empty_folder(Path(settings.sample)):
        if lake.has(RAW_CANDLES, venue=settings.venue, interval="1m"):
            return ImportResult(0, 0, 0, ())
        raise DataError(
            f"there are no candles yet: the folder {settings.sample} is empty, and the lake "
            f"{settings.lake} has none of {settings.venue}; next: `nocturne download --symbols "
            f"{','.join(settings.symbols)}`, or put candle files into the folder"
        )
    symbols = None if settings.top_symbols else settings.symbols
    report = import_folder(
        lake, Path(settings.sample), as_of, venue=settings.venue, symbols=symbols
    )
    return ImportResult(
        files=len(report.files),
        rows=report.rows,
        partitions_written=report.partitions_written,
        failed=tuple((file.path, file.reason) for file in report.failed),
    )
