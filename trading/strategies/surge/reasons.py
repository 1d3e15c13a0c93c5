"""Names of the conditions, and texts that tell which of them are missing."""

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
"""First bit of each part, and its conditions in the order of their bits."""

WARM = ("1m", "3m", "15m", "scan")
"""Parts in the order of the bits that tell whether their history is long enough."""


def named(bits: int, names: tuple[str, ...]) -> dict[str, bool]:
    """Return whether each condition is met, by name; the first name is the lowest bit."""
    return {name: bool(bits >> bit & 1) for bit, name in enumerate(names)}


def conditions(seen: float) -> dict[str, dict[str, bool]]:
    """Return all conditions of a decision by part and name, from its value ``seen``."""
    bits = int(seen)
    found = {part: named(bits >> first, names) for part, (first, names) in PARTS.items()}
    found["3m"][M3_FILTER_NAME] = bool(bits >> M3_BITS + len(M3_NAMES) & 1)
    return found


def part_text(part: str, bits: int) -> str:
    """Describe a part, for example ``1m 5 of 7 (missing: spread, daily rise)``."""
    first, names = PARTS[part]
    if not bits >> WARM_BITS + WARM.index(part) & 1:
        return f"{part} warming up"
    met = named(bits >> first, names)
    text = f"{part} {sum(met.values())} of {len(names)}"
    missing = [name for name, is_met in met.items() if not is_met]
    if part == "3m" and not bits >> M3_BITS + len(M3_NAMES) & 1:
        missing.append(M3_FILTER_NAME)
    return f"{text} (missing: {', '.join(missing)})" if missing else text


def all_parts_text(seen: float) -> str:
    """Describe all parts of a decision, from its value ``seen``."""
    return ", ".join(part_text(part, int(seen)) for part in PARTS)
