"""Collections leave alone what is loaded."""

from __future__ import annotations

import gc

from executor.runtime.garbage import keep_loaded_objects


def test_what_is_loaded_is_walked_no_more() -> None:
    kept = [["an object that a collection would walk"]]
    try:
        keep_loaded_objects()
        assert gc.get_freeze_count() > 0
        assert not any(found is kept for found in gc.get_objects())
    finally:
        gc.unfreeze()
