"""The growing part of an engine's state, kept apart so that a save writes only what is new.

Orders, conditional orders and order lists change until they end, fills and incomes never. The rest
(balances, positions, counters) is small and forms the head.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# Fields of an account: id -> an object that changes until it ends.
CHANGING = ("orders", "algos", "lists")
# id -> the same objects while they are open.
OPEN = {"open_orders": "orders", "open_algos": "algos"}
GROWING = ("fills", "incomes", "amendments", "prevented", "margin_moves")
ENDED = frozenset(
    {"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED", "FINISHED", "ALL_DONE"}
)
Row = tuple[str, int, Any]


@dataclass(slots=True)
class HistoryMark:
    """How far an account's histories are saved, and which saved objects can still change."""

    reached: dict[str, int] = field(default_factory=dict)
    live: dict[str, list[int]] = field(default_factory=dict)


def head(core: Any) -> Any:
    """Copy an engine's state without markets and histories; open objects become ids."""
    accounts = {name: _account_head(account) for name, account in core.accounts.items()}
    return dataclasses.replace(core, accounts=accounts, markets={})


def _account_head(account: Any) -> Any:
    empty: dict[str, Any] = {name: {} for name in CHANGING if hasattr(account, name)}
    empty |= {name: [] for name in GROWING if hasattr(account, name)}
    opened = {
        name: dict.fromkeys(getattr(account, name)) for name in OPEN if hasattr(account, name)
    }
    return dataclasses.replace(account, **empty, **opened)


def changed(account: Any, mark: HistoryMark) -> tuple[list[Row], HistoryMark]:
    """Return the rows (history, id, object) that are new or could change since ``mark``."""
    rows: list[Row] = []
    new = HistoryMark()
    for name in CHANGING:
        found = getattr(account, name, None)
        if found is None:
            continue
        fresh = list(islice(reversed(found), len(found) - mark.reached.get(name, 0)))
        touched = [*mark.live.get(name, ()), *reversed(fresh)]
        rows += [(name, ident, found[ident]) for ident in touched]
        new.reached[name] = len(found)
        new.live[name] = [ident for ident in touched if found[ident].status not in ENDED]
    for name in GROWING:
        history = getattr(account, name, None)
        if history is None:
            continue
        reached = mark.reached.get(name, 0)
        rows += [(name, number, history[number]) for number in range(reached, len(history))]
        new.reached[name] = len(history)
    return rows, new


def restore(account: Any, rows: Iterable[Row]) -> None:
    """Restore an account's rows, in the order of their ids, into its head."""
    for name, ident, value in rows:
        if name in GROWING:
            getattr(account, name).append(value)
        else:
            getattr(account, name)[ident] = value
    for name, source in OPEN.items():
        opened = getattr(account, name, None)
        if opened is not None:
            opened.update({ident: getattr(account, source)[ident] for ident in opened})
