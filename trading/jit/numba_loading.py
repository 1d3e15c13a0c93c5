"""numba and its stored kernels, loaded without the parts that no kernel needs.

A process that finds its kernels on the disk compiles nothing. It needs neither numba's typing rules
nor its implementations of Python and numpy, whose import takes longer than everything else. They
are loaded when the first kernel is compiled. Four things are never loaded: scipy (linear algebra,
which no kernel may use: its last bits differ), numba's settings in a YAML file, colours for errors
that numba raises and drops by the thousand while it compiles, and packages that extend numba, on
which results must not depend.

This overrides methods of numba that are not part of its public interface; the version is pinned.
"""

# numba has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Make imports of modules that are not yet loaded fail, so that numba does without them.

    numba has no switch for this. None in ``sys.modules`` is Python's documented way to make an
    import fail; the entries are gone when the block ends, and a test checks in a fresh process
    that the modules stay out.
    """
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with _without("scipy", "yaml", "colorama"):
    from numba.core import entrypoints
    from numba.core.caching import FunctionCache

# Mark its search for extending packages among everything installed as done.
_search: Any = entrypoints
_search._already_initialized = True


def compiler_parts() -> None:
    """Load what compiling needs beyond what loading does."""
    with _without("scipy.linalg"):
        import_module("numba.np.arraymath")


class _Stored(FunctionCache):
    """Compiled code on the disk, loaded as it is."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code compiled for ``sig``, or None; the context is left as it is."""
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def stored(dispatcher: Any) -> Any:
    """``dispatcher`` with its code kept on the disk."""
    dispatcher._cache = _Stored(dispatcher.py_func)
    return dispatcher
