"""The file that `--html` names."""

from __future__ import annotations

from pathlib import Path

from trading.errors import DataError


def write_html(target: str, page: str) -> None:
    """Write a page atomically; `DataError` if the file cannot be written."""
    from lake.files import write_bytes

    try:
        write_bytes(Path(target), page.encode())
    except OSError as error:
        raise DataError(f"--html {target} cannot be written: {error}") from error
