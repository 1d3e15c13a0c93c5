"""Python's garbage collector, kept away from the path of an order."""

from __future__ import annotations

import gc


def keep_loaded_objects() -> None:
    """Exempt what is loaded by now from collections: modules, markets and settings stay anyway.

    A full collection walks every object that is not exempt; a client library's tables alone take it
    tens of milliseconds, at any moment.
    """
    gc.collect()
    gc.freeze()
