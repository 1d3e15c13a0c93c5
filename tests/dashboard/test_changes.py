"""Changes of a page's parts: applied to the old state they give the new one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.changes import changed_parts, part_change


def table(rows: dict[str, int]) -> dict[str, Any]:
    return {"head": ["A"], "rows": [[key, [value]] for key, value in rows.items()]}


def applied(old: Any, change: dict[str, Any]) -> Any:
    """Do what `web/page/live.js` does with a change."""
    if "whole" in change:
        return change["whole"]
    rows = {key: cells for key, cells in old["rows"] if key not in change["gone"]}
    added = {key: cells for key, cells in change["put"] if key not in rows}
    rows = added | {key: dict(map(tuple, change["put"])).get(key, own) for key, own in rows.items()}
    order = change.get("order", list(rows))
    return {"head": old["head"], "rows": [[key, rows[key]] for key in order]}


ROWS = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 2))


@given(ROWS, ROWS)
def test_a_change_leads_from_any_table_to_any_other(old: dict[str, int], new: dict[str, int]):
    assert applied(table(old), part_change(table(old), table(new))) == table(new)


def test_a_new_row_on_top_sends_that_row_alone() -> None:
    old = {str(n): n for n in range(300)}
    new = {"new": 1} | old
    del new["299"]
    assert part_change(table(old), table(new)) == {"put": [["new", [1]]], "gone": ["299"]}


def test_a_row_at_the_end_sends_the_order_too() -> None:
    change = part_change(table({"a": 1}), table({"a": 1, "b": 2}))
    assert change == {"put": [["b", [2]]], "gone": [], "order": ["a", "b"]}


def test_what_is_no_table_or_has_other_columns_is_sent_whole() -> None:
    assert part_change([1], [2]) == {"whole": [2]}
    other = {"head": ["B"], "rows": []}
    assert part_change(table({"a": 1}), other) == {"whole": other}


def test_only_parts_that_differ_are_sent() -> None:
    old = {"facts": [1], "log": table({"a": 1})}
    assert changed_parts(old, {"facts": [1], "log": table({})}) == {
        "log": {"put": [], "gone": ["a"]}
    }
