"""The file that `--html` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.backtesting.results import check_output
from trading.errors import DataError

if TYPE_CHECKING:
    from flows.report.language import Locale


def page_locale() -> Locale:
    """Return language and time zone of ``[report]`` in the research settings."""
    from flows.report.language import Locale
    from flows.settings import load_settings

    found = load_settings().report
    return Locale(found.language, found.timezone)


def check_page(target: str | None) -> None:
    """Refuse a page before the work: a file that cannot be written, a setting that is wrong."""
    check_output("--html", target)
    if target is not None:
        page_locale()


def write_html(target: str, page: str) -> None:
    """Write a page atomically; `DataError` if the file cannot be written."""
    from lake.files import write_bytes

    try:
        write_bytes(Path(target), page.encode())
    except OSError as error:
        raise DataError(f"--html {target} cannot be written: {error}") from error
