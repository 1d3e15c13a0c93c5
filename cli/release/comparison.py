"""Two releases side by side: parameters, metrics and gates of each strategy on each symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cli.tables import text_table

if TYPE_CHECKING:
    from lake.releases import Release, StrategyEntry

_ABSENT = "-"


def side_by_side(before: Release, after: Release, *, everything: bool = False) -> str:
    """Return a table of what differs, or with ``everything`` of all rows."""
    old = {(e.venue, e.symbol, e.strategy): e for e in before.strategies}
    new = {(e.venue, e.symbol, e.strategy): e for e in after.strategies}
    rows: list[tuple[str, str, str, str]] = []
    for key in sorted(old.keys() | new.keys()):
        left, right = _facts(old.get(key)), _facts(new.get(key))
        name = f"{key[2]} {key[1]}"
        for fact in dict.fromkeys((*left, *right)):
            ours, theirs = left.get(fact, _ABSENT), right.get(fact, _ABSENT)
            if everything or ours != theirs:
                rows.append((name, fact, ours, theirs))
    title = f"{before.release_id} → {after.release_id}"
    if not rows:
        return f"{title}\nparameters, metrics and gates are the same"
    return f"{title}\n" + text_table(("strategy", "", "before", "after"), rows, left=(0, 1))


def _facts(entry: StrategyEntry | None) -> dict[str, str]:
    """Return what is compared, by its name; nothing for an entry that is not there."""
    if entry is None:
        return {}
    facts = {"state": entry.state, "apply to open": "yes" if entry.apply_to_open else "no"}
    facts |= _named("", entry.params)
    facts |= _measures("in sample ", entry.in_sample)
    facts |= _measures("out of sample ", entry.out_of_sample)
    for verdict in entry.verdicts:
        facts[f"gate {verdict.name}"] = "passed" if verdict.passed else "FAILED"
    return facts


def _named(prefix: str, values: Mapping[str, object]) -> dict[str, str]:
    return {f"{prefix}{name}": _text(value) for name, value in sorted(values.items())}


def _measures(prefix: str, values: Mapping[str, object]) -> dict[str, str]:
    """Name measures as `nocturne release show` does: "too few" for those of too few trades."""
    from flows.report.tables import said_instead

    shown = _named(prefix, values)
    return {**shown, **{f"{prefix}{n}": text for n in values if (text := said_instead(n, values))}}


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
