"""What the conditions are called, and the sentence that says which of them fail."""

from __future__ import annotations

from collections.abc import Mapping

from trading.strategies.surge.layout import M1_BITS, M3_BITS, M15_BITS, SCAN_BITS, WARM_BITS

M1_NAMES = ("trend", "spread", "bands", "pullback", "entry point", "daily rise", "compound")
M3_NAMES = ("trend cross", "bands", "pullback", "height", "entry cross")
M3_FILTER_NAME = "filter"
M15_NAMES = ("trend", "height", "bands cross", "falling")
SCAN_NAMES = ("thrust", "rise", "volume", "up candles")

PARTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "1m": (M1_BITS, M1_NAMES),
    "3m": (M3_BITS, M3_NAMES),
    "15m": (M15_BITS, M15_NAMES),
    "scan": (SCAN_BITS, SCAN_NAMES),
}
"""Each part's first bit and its conditions in the order of their bits."""

WARM = ("1m", "3m", "15m", "scan")
"""Parts in the order of the bits that tell whether their history suffices."""


def named(told: int, names: tuple[str, ...]) -> dict[str, bool]:
    """Whether each condition is fulfilled, by name; the first one is the lowest bit."""
    return {name: bool(told >> bit & 1) for bit, name in enumerate(names)}


def conditions(told: float) -> dict[str, dict[str, bool]]:
    """All conditions of a decision by part and name; ``told`` is its value ``seen``."""
    bits = int(told)
    found = {part: named(bits >> first, names) for part, (first, names) in PARTS.items()}
    found["3m"][M3_FILTER_NAME] = bool(bits >> M3_BITS + len(M3_NAMES) & 1)
    return found


def part_text(part: str, bits: int) -> str:
    """For example ``1m 5 of 7 (missing: spread, daily rise)``."""
    first, names = PARTS[part]
    if not bits >> WARM_BITS + WARM.index(part) & 1:
        return f"{part} warming up"
    met = named(bits >> first, names)
    text = f"{part} {sum(met.values())} of {len(names)}"
    missing = [name for name, is_met in met.items() if not is_met]
    if part == "3m" and not bits >> M3_BITS + len(M3_NAMES) & 1:
        missing.append(M3_FILTER_NAME)
    return f"{text} (missing: {', '.join(missing)})" if missing else text


class Sentence(str):
    """A template whose ``{told}`` is written out: each part, and what is missing in it."""

    __slots__ = ()

    def format(self, *values: object, **named_values: object) -> str:
        """The sentence for the bits in ``seen``."""
        bits = int(float(str(named_values["seen"])))
        told = ", ".join(part_text(part, bits) for part in PARTS)
        return str.format(self, *values, told=told, **named_values)
