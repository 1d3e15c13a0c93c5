"""What a run leaves in the Prefect UI: its note, a table of the release, a link to the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.engine.engine import Link, Note, RunRecord, RunTable
from flows.report.tables import said_instead
from flows.steps.release.publish import LeftOutReason

# Key figures of the validation: title, key, format.
_FIGURES = (
    ("out-of-sample return", "total_return", "+.2%"),
    ("max drawdown", "max_drawdown", ".2%"),
    ("win rate", "win_rate", ".1%"),
    ("profit factor", "profit_factor", ".2f"),
    ("Sharpe", "sharpe", ".2f"),
    ("trades", "trades", "d"),
)


def sample_age(as_of: datetime) -> str:
    """Say that a run works on the bundled sample, and what to do for newer candles."""
    return (
        f"The bundled sample ends on {as_of:%Y-%m-%d at %H:%M}Z: this run works as of then."
        " For your own market, turn on [download] in config/research.toml."
    )


def candles_age(as_of: datetime) -> str:
    """Say that a run works on candles that end long ago, and what to do for newer ones."""
    return (
        f"The candles in the lake end on {as_of:%Y-%m-%d at %H:%M}Z: this run works as of then."
        " For newer ones run nocturne download, or turn on [download] in config/research.toml."
    )


def records(
    name: str,
    message: str,
    left_out: Sequence[LeftOutReason],
    results: Mapping[str, Any],
    *,
    unusable: Sequence[tuple[str, str]] = (),
    age: str = "",
) -> Iterator[RunRecord]:
    """Return the records of one run: its note always, the others where there is something.

    ``age`` is what the note says about the sample.
    """
    lead = f"{message}\n\n{age}" if age else message
    text = markdown(name, lead, left_out, results, unusable)
    yield Note(name, f"### Note of {name}\nWhat the run found, and what it left out.", text)
    published = results.get("publish")
    rows = tuple(_release_row(entry) for entry in _entries(results))
    rows = rows or tuple(_retuned_row(item) for item in _values(results, "retune"))
    if published is not None and rows:
        yield RunTable(f"{name}-release", f"### Released\n{published.sentence}", rows)
    if "report" in results:
        path = Path(results["report"])
        yield Link(
            f"{name}-report",
            f"### Report\nOne HTML file on the machine of the worker: `{path}`",
            path.resolve().as_uri(),
            path.name,
        )


def _values(results: Mapping[str, Any], step: str) -> list[Any]:
    return [outcome.value for outcome in results.get(step, ()) if outcome.value is not None]


def drifted(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each model that the errors of the last day made unproven."""
    names = [name for models in _values(results, "train") for name in models.drifted]
    return tuple(f"drift: {name} is unproven until its errors are as before" for name in names)


def _entries(results: Mapping[str, Any]) -> list[Any]:
    weighed = results.get("evidence")
    found = _values(results, "optimize") if weighed is None else weighed
    return [item.entry for item in found]


def _release_row(entry: Any) -> dict[str, str]:
    measured = entry.out_of_sample
    figures = {
        title: "–"
        if measured.get(key) is None
        else said_instead(key, measured) or format(measured[key], form)
        for title, key, form in _FIGURES
    }
    failed = ", ".join(verdict.name for verdict in entry.verdicts if not verdict.passed)
    return {
        "strategy": entry.strategy,
        "symbol": entry.symbol,
        "state": "proven" if entry.proven else "unproven",
        **figures,
        "gates not passed": failed or "none",
    }


def _retuned_row(item: Any) -> dict[str, str]:
    return {
        "strategy": "breakout",
        "symbol": item.symbol,
        "state": "unchanged" if item.before == item.after else "retuned",
        "K before": f"{item.before:g}",
        "K after": f"{item.after:g}",
        "reason": item.reason,
    }


def markdown(
    name: str,
    message: str,
    left_out: Sequence[LeftOutReason],
    results: Mapping[str, Any],
    unusable: Sequence[tuple[str, str]] = (),
) -> str:
    """Write the note of one run; ``unusable`` are files with the reason."""
    lines = [f"# {name}", "", message, ""]
    if left_out:
        lines += ["## Left out", "", "| symbol | reason |", "| --- | --- |"]
        lines += [f"| {item.symbol} | {_cell(item.reason)} |" for item in left_out] + [""]
    if unusable:
        lines += ["## Files not used", "", "| file | reason |", "| --- | --- |"]
        lines += [f"| {_cell(path)} | {_cell(reason)} |" for path, reason in unusable] + [""]
    entries = _entries(results)
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
