"""A buffer that refuses what compiled code would do silently: to leave a kernel's own cells."""

from __future__ import annotations

from collections.abc import Iterable


class GuardedBuffer(list[float]):
    """Cells from ``first`` up to ``end``; ``touched`` has those that were read or written.

    Compiled, a place outside of them, or below 0, is somebody else's memory. A plain list would
    take a place below 0 from its other end.
    """

    def __init__(self, values: Iterable[float], first: int = 0, end: int | None = None) -> None:
        super().__init__(values)
        self.first = first
        self.end = len(self) if end is None else end
        self.touched: set[int] = set()
        self.accesses = 0

    def _check(self, place: int) -> None:
        assert isinstance(place, int), f"a buffer is only indexed by whole numbers, was {place!r}"
        assert self.first <= place < self.end, f"{place} is outside {self.first} to {self.end}"
        self.touched.add(place)
        self.accesses += 1

    def __getitem__(self, place: int) -> float:  # type: ignore[override]
        if isinstance(place, slice):  # results are read as slices, outside of kernels
            return super().__getitem__(place)  # type: ignore[return-value]
        self._check(place)
        return super().__getitem__(place)

    def __setitem__(self, place: int, value: float) -> None:  # type: ignore[override]
        self._check(place)
        super().__setitem__(place, value)
