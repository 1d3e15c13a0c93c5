"""Draw docs/images/house.svg: the rooms of the project and the floors inside them.

Usage: python docs/images/make_house_picture.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).with_name("house.svg")
WIDTH = 960
GAP = 16
PAD = 16
CHIP = 28
HEAD = 58

STYLE = """\
svg{--bg:#f7f7f4;--panel:#fff;--ink:#1a2029;--soft:#5b6673;--line:#d9dbd6;--tint:#eef2f8}
@media (prefers-color-scheme:dark){svg{--bg:#0f1319;--panel:#161b23;--ink:#e5e8ec;--soft:#98a3b0;\
--line:#2f3844;--tint:#1b2430}}
.bg{fill:var(--bg)}.panel{fill:var(--panel);stroke:var(--line)}.chip{fill:var(--tint)}
text{fill:var(--ink);font-size:13px}.h{font-size:17px;font-weight:650}.s{fill:var(--soft)}"""


@dataclass(frozen=True)
class Room:
    """A panel: a folder, what it is, and its sub-folders, the upper floors first."""

    name: str
    text: str
    floors: tuple[tuple[str, ...], ...]

    @property
    def height(self) -> int:
        """Height of the panel."""
        return HEAD + len(self.floors) * (CHIP + 6) + (PAD - 6 if self.floors else 0)


CLI = Room("cli", "the nocturne command; it may use every room", ())
FLOWS = Room(
    "flows",
    "the night shift: Prefect flows",
    (
        ("hosting",),
        ("engine", "report"),
        ("steps/data", "steps/features"),
        ("steps/search", "steps/models"),
        ("steps/release", "steps/reporting"),
        ("tasks", "settings", "sources"),
    ),
)
EXECUTOR = Room(
    "executor",
    "the day shift: one asyncio process",
    (
        ("operations", "reconciliation"),
        ("protection", "execution"),
        ("strategy", "portfolio", "risk"),
        ("market_data", "ledger"),
        ("bus", "notifications", "settings"),
        ("venues",),
        ("model", "runtime"),
    ),
)
SANDBOX = Room(
    "sandbox",
    "a simulated exchange",
    (
        ("server",),
        ("audit", "faults"),
        ("api/usdm", "api/spot", "api/upbit", "api/kis"),
        ("live",),
        ("market", "protocol"),
        ("engines/upbit", "engines/kis"),
        ("engines/usdm", "engines/spot"),
        ("engines/common",),
    ),
)
LAKE = Room("lake", "the only code that touches the data", (("ingest", "releases", "tables"),))
TRADING = Room(
    "trading",
    "the domain: no I/O, no clock, no network",
    (
        ("models",),
        ("research",),
        ("ensemble", "market_making", "simulation"),
        ("strategies", "ict", "positions"),
        ("indicators", "market", "jit"),
    ),
)
ROOMS = (CLI, FLOWS, EXECUTOR, SANDBOX, LAKE, TRADING)


def panel(room: Room, x: int, y: int, width: int, height: int) -> list[str]:
    """Draw the panel of a room with a chip for each sub-folder."""
    lines = [
        f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>',
        f'<text class="h" x="{x + PAD}" y="{y + 27}">{room.name}/</text>',
        f'<text class="s" x="{x + PAD}" y="{y + 46}">{room.text}</text>',
    ]
    for floor, names in enumerate(room.floors):
        top = y + HEAD + floor * (CHIP + 6)
        size = (width - 2 * PAD - 6 * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            left = x + PAD + place * (size + 6)
            lines += [
                f'<rect class="chip" x="{left:g}" y="{top}" width="{size:g}" height="{CHIP}"'
                ' rx="6"/>',
                f'<text x="{left + size / 2:g}" y="{top + 19}" text-anchor="middle">{name}</text>',
            ]
    return lines


def draw() -> str:
    """Return the picture as SVG."""
    left, inner = 28, WIDTH - 56
    third = (inner - 2 * GAP) // 3
    middle = max(FLOWS.height, EXECUTOR.height)
    y = 28
    body = panel(CLI, left, y, inner, CLI.height)
    y += CLI.height + GAP
    body += panel(FLOWS, left, y, third, middle)
    body += panel(EXECUTOR, left + third + GAP, y, third, middle)
    body += panel(
        SANDBOX, left + 2 * (third + GAP), y, inner - 2 * (third + GAP), middle + GAP + LAKE.height
    )
    y += middle + GAP
    body += panel(LAKE, left, y, 2 * third + GAP, LAKE.height)
    y += LAKE.height + GAP
    body += panel(TRADING, left, y, inner, TRADING.height)
    height = y + TRADING.height + 28
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            ' aria-labelledby="t d" font-family="system-ui,-apple-system,\'Segoe UI\',Roboto,'
            "'Noto Sans',sans-serif\">",
            '<title id="t">The house</title>',
            '<desc id="d">The rooms of the project. A room imports only from rooms below it. The'
            " command line stands on flows, executor and sandbox, which do not import one another."
            " Flows and executor stand on the lake, and all on trading.</desc>",
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="bg" width="{WIDTH}" height="{height}" rx="12"/>',
            *body,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
