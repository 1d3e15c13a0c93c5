"""Back to the release before, where live trading differs from its replay."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from lake.releases import rollback
from lake.releases.reader import read_pointer, read_release
from lake.store import Lake
from trading.errors import ReleaseRefused


def roll_back(lake: Lake, differing: Collection[str], as_of: datetime) -> str:
    """Make the release before the current one current, if the current one is in ``differing``.

    Returns its id; empty where nothing changes: another release is current by now, or the one
    before is gone or expired at ``as_of``.
    """
    root = lake.published
    try:
        pointer = read_pointer(root)
        if pointer is None or pointer.release_id not in differing:
            return ""
        before = read_release(root, pointer.release_id).manifest.replaced
        if before is None or not read_release(root, before).is_valid("params", as_of):
            return ""
    except ReleaseRefused:
        return ""
    return rollback(root, before).release_id
