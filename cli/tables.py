"""Tables for the terminal: drawn and coloured there, plain text in a pipe or a file."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from io import StringIO

from cli.terminal import has_colour

_TONES = {
    "passed": "green",
    "proven": "green",
    "confirmed": "green",
    "FAILED": "red",
    "failed": "red",
    "refused": "red",
    "unproven": "yellow",
}


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int] = ()
) -> str:
    """Format a table; the columns in ``left`` align left, the others right."""
    if has_colour(sys.stdout):
        return _drawn(header, rows, left)
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    lines = []
    for row in (header, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def hanging(text: str, indent: int) -> str:
    """Break each line that a terminal cannot show, further lines ``indent`` deep; else keep it."""
    if not sys.stdout.isatty():
        return text
    width = max(shutil.get_terminal_size().columns, 2 * indent)
    further = " " * indent
    return "\n".join(
        textwrap.fill(
            line, width, subsequent_indent=further, break_on_hyphens=False, drop_whitespace=True
        )
        if len(line) > width
        else line
        for line in text.split("\n")
    )


def _drawn(header: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int]) -> str:
    """Draw the table as wide as the terminal; long cells break inside their column."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = Console().width
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for place, name in enumerate(header):
        table.add_column(Text(name), justify="left" if place in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_tone(cell)) for cell in row))
    canvas = Console(file=StringIO(), force_terminal=True, width=width)
    with canvas.capture() as captured:
        canvas.print(table)
    return captured.get().rstrip("\n")


def _tone(cell: str) -> str:
    """Colour verdicts and signed percentages."""
    if cell.endswith("%") and cell[:1] in "+-":
        return "green" if cell.startswith("+") else "red"
    return _TONES.get(cell, "")
