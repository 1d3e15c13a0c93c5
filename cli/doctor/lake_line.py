"""The health of the lake: its files are whole, and its candles of these days."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cli.doctor.check_line import CheckLine, ok
from executor.settings import Mode, Settings

MARK = b"PAR1"
"""The first and the last bytes of a Parquet file."""
SMALLEST = 12
OLD_DAYS = 2.0
FILL = "run `nocturne download` or `nocturne import folder DIR`"
AGAIN = "remove it, then run `nocturne download` or `nocturne flow nightly` again"


def lake(settings: Settings, _: Path) -> CheckLine:
    """The lake holds data, every file of it is whole, and the newest candles are not old."""
    root = settings.paths.published.parent
    files = sorted(root.glob("**/*.parquet")) if root.is_dir() else []
    if not files:
        return CheckLine("lake", "warning", f"no data in {root}", FILL)
    torn = [path for path in files if not _is_whole(path)]
    if torn:
        found = f"{len(torn)} of {len(files)} files cannot be read, the first is {torn[0]}"
        return CheckLine("lake", "wrong", found, AGAIN)
    text = f"{len(files)} files of data in {root}"
    newest = _newest(root)
    if newest is None:
        return CheckLine("lake", "warning", f"{text}, but no candles", FILL)
    text += f", candles until {newest:%Y-%m-%d %H:%M} UTC"
    age = (datetime.now(UTC) - newest).total_seconds() / 86_400
    if age > OLD_DAYS and settings.mode is not Mode.REPLAY:
        return CheckLine("lake", "warning", f"{text}, {age:.0f} days ago", FILL)
    return ok("lake", text)


def _is_whole(path: Path) -> bool:
    """Whether a file begins and ends as Parquet does: one that was cut off does not."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size < SMALLEST or file.read(len(MARK)) != MARK:
                return False
            file.seek(-len(MARK), 2)
            return file.read() == MARK
    except OSError:
        return False


def _newest(root: Path) -> datetime | None:
    """Return the open time of the newest candle, of what is checked or else of what came in."""
    from lake.store import Lake
    from lake.tables import CANDLES, RAW_CANDLES

    found = Lake(root)
    for table in (CANDLES, RAW_CANDLES):
        last = {
            tuple(value for name, value in part.values.items() if name != "month"): part
            for part in found.partitions(table)
        }
        times = [
            ref.last
            for part in last.values()
            for ref in found.fingerprint(table, None, **part.values)
            if ref.last is not None
        ]
        if times:
            return max(times)
    return None
