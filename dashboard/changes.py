"""What changed between two states of a page: rows by their keys, anything else whole.

A table is ``{"head": [...], "rows": [[key, cells], ...]}``, its keys unique. A change is
``{"whole": part}``, or of a table ``{"put": [[key, cells], ...], "gone": [key, ...]}``: rows that
are new go on top in the order of ``put``. If that is not their order, ``"order"`` has all keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Part = Any
Change = dict[str, Any]


def changed_parts(old: Mapping[str, Part], new: Mapping[str, Part]) -> dict[str, Change]:
    """Return the change of every part that differs, by its name."""
    return {
        name: part_change(old.get(name), part)
        for name, part in new.items()
        if part is not old.get(name) and part != old.get(name)
    }


def part_change(old: Part, new: Part) -> Change:
    """Return what leads from one state of a part to another."""
    if not _is_table(old) or not _is_table(new) or old["head"] != new["head"]:
        return {"whole": new}
    before = {key: cells for key, cells in old["rows"]}
    after = {key: cells for key, cells in new["rows"]}
    put = [[key, cells] for key, cells in new["rows"] if before.get(key) != cells]
    if 2 * len(put) > len(after) > 8:
        return {"whole": new}
    change: Change = {"put": put, "gone": [key for key in before if key not in after]}
    added = [key for key, _ in put if key not in before]
    kept = [key for key in before if key in after]
    if added + kept != list(after):
        change["order"] = list(after)
    return change


def _is_table(part: Part) -> bool:
    return isinstance(part, dict) and "head" in part and "rows" in part
