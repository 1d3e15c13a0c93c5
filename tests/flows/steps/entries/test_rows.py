"""An entry learns from the forecast that the executor would have had when it was decided."""

from __future__ import annotations

import numpy as np

from flows.steps.entries.rows import SymbolBars, joined
from trading.candles import MINUTE_MS
from trading.models.triple_barrier import EntryOutcomes

QUARTER = 15 * MINUTE_MS


def ended(*minutes: int) -> EntryOutcomes:
    decided = np.array(minutes, dtype=np.int64) * MINUTE_MS
    ones = np.ones(len(decided))
    return EntryOutcomes(
        decided, decided + 7 * MINUTE_MS, ones.astype(np.int64), 0.01 * ones, ones.astype(str)
    )


def test_features_are_used_three_minutes_after_their_bar_until_they_expire() -> None:
    times = np.array([0, 1, 5], dtype=np.int64) * QUARTER
    bars = SymbolBars("BTCUSDT", times, np.array([[0.0], [1.0], [5.0]]))
    found = joined(("x",), [bars], [ended(2, 3, 17, 18, 44, 45, 77, 78)])
    decided = (found.decided_at // MINUTE_MS).tolist()
    assert decided == [3, 17, 18, 44, 78]
    assert found.x[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 5.0]
    assert (found.known_at - found.decided_at == 7 * MINUTE_MS).all()


def test_entries_of_symbols_are_pooled_in_time_order() -> None:
    times = np.zeros(1, dtype=np.int64)
    one, two = (SymbolBars(name, times, np.full((1, 1), v)) for name, v in (("A", 1.0), ("B", 2.0)))
    found = joined(("x",), [one, two], [ended(9, 4), ended(6)])
    assert (found.decided_at // MINUTE_MS).tolist() == [4, 6, 9]
    assert found.x[:, 0].tolist() == [1.0, 2.0, 1.0]
    assert found.take(found.symbols == 1).x.tolist() == [[2.0]]
