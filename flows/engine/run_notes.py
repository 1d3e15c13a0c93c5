"""The markdown note of a run: what it found and what it left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.steps.release.publish import LeftOutReason


def markdown(
    name: str, message: str, left_out: Sequence[LeftOutReason], results: Mapping[str, Any]
) -> str:
    """Write the note of one run."""
    lines = [f"# {name}", "", message, ""]
    if left_out:
        lines += ["## Left out", "", "| symbol | reason |", "| --- | --- |"]
        lines += [f"| {item.symbol} | {_cell(item.reason)} |" for item in left_out] + [""]
    entries = [o.value.entry for o in results.get("optimize", ()) if o.value is not None]
    if entries:
        lines += [
            "## Parameters",
            "",
            "| strategy | symbol | state | out-of-sample | trades | gates not passed |",
            "| --- | --- | --- | ---: | ---: | --- |",
        ]
        lines += [_entry_line(entry) for entry in entries] + [""]
    if "report" in results:
        lines += [f"Report: `{results['report']}`", ""]
    return "\n".join(lines)


def _entry_line(entry: Any) -> str:
    failed = ", ".join(verdict.name for verdict in entry.verdicts if not verdict.passed)
    measured = entry.out_of_sample
    state = "proven" if entry.proven else "unproven"
    return (
        f"| {entry.strategy} | {entry.symbol} | {state} | {measured['total_return']:+.2%}"
        f" | {measured['trades']} | {failed} |"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
