"""The demo's chapters: research, replay, report, summary.

The research half runs as a real Prefect flow under a private server; the executor and the sandbox
exchange run as separate processes that meet over sockets, as in production. Everything is computed
as of the first minute of the replayed day: nothing of that day is seen before it is traded. The
forecasts of its quarters of an hour are made before the replay, each from candles that had closed.
"""

from __future__ import annotations

import shutil
import sys
import time
from datetime import datetime
from pathlib import Path

from cli.demo import replay, summary
from cli.demo.plan import DemoPlan
from cli.demo.processes import run_to_end
from lake.releases import Release, read_current, read_forecasts, write_forecasts
from trading.errors import DataError, NocturneError

PROJECT = Path(__file__).resolve().parents[2]
RESEARCH_SETTINGS = PROJECT / "config" / "presets" / "demo.toml"
LEAST_ROUND_TRIPS = 2


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, flush=True)


def run(plan: DemoPlan, *, fresh: bool) -> None:
    """Do everything that is not done yet, and print the outcome.

    Raises `NocturneError` if a chapter fails.
    """
    started = time.monotonic()
    if not plan.candles.is_dir():
        raise DataError(f"{plan.candles} is missing: give --sample, a folder with candles_1m/usdm")
    if plan.work.exists() and not plan.work.is_dir():
        raise DataError(f"--work {plan.work} is a file; give a folder")
    if fresh:
        shutil.rmtree(plan.work, ignore_errors=True)
    plan.work.mkdir(parents=True, exist_ok=True)

    say(f"Nocturne demo: research as of {plan.begin:%Y-%m-%d %H:%M} UTC, then that day is traded")
    say("\n1/4  Research: import, checks, features, search, training, release, report")
    _flow(plan, "nightly", plan.begin, "--server", "private")
    release = read_current(plan.lake / "published", now=plan.begin, mode="replay")

    say("\n2/4  Replay: the executor trades the release against the sandbox exchange")
    if not replay.is_done(plan, release):
        _forecast(plan)
    folder = replay.replay_once(plan, release, say)

    say("\n3/4  Report: export the ledger to the lake and add the day to the report")
    ledger = folder / "state" / "ledger.sqlite"
    _flow(plan, "export_ledger", plan.end, "--server", "none", ledger=ledger)
    _flow(plan, "report", plan.end, "--server", "none")

    say("\n4/4  Summary")
    facts = summary.collect(plan, release, folder)
    say(summary.text(facts))
    say(f"\nDone in {time.monotonic() - started:.0f} s.")
    _require(facts, release)


def _forecast(plan: DemoPlan) -> None:
    """Publish the forecasts of the day's quarters of an hour, each from candles that had closed.

    They are made in a copy of the lake: the release's own lake sees nothing of the replayed day.
    """
    copy = plan.work / "forecasting"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(plan.lake, copy)
    _flow(plan, "signals", plan.end, "--server", "none", lake=copy)
    found = read_forecasts(copy / "published")
    if found is not None:
        write_forecasts(plan.lake / "published", found)
    shutil.rmtree(copy)


def _flow(
    plan: DemoPlan,
    name: str,
    as_of: datetime,
    *more: str,
    ledger: Path | None = None,
    lake: Path | None = None,
) -> None:
    """Run one research flow in its own process, with its progress on the terminal."""
    variables = {} if ledger is None else {"NOCTURNE_RESEARCH_LEDGER": str(ledger)}
    code = run_to_end(
        [
            sys.executable, "-m", "cli", "flow", name,
            "--as-of", as_of.isoformat(),
            "--lake", str(lake or plan.lake),
            "--sample", str(plan.sample),
            "--settings", str(RESEARCH_SETTINGS),
            *more,
        ],
        {"NOCTURNE_RESEARCH_WORK": str(plan.work), **variables},
    )  # fmt: skip
    if code != 0:
        raise NocturneError(
            f"demo: the flow {name} ended with status {code}: its last lines above say why;"
            " fix that and run the demo again"
        )


def _require(facts: summary.DemoFacts, release: Release) -> None:
    """Fail the demo if the day was not traded as expected."""
    if facts.round_trips < LEAST_ROUND_TRIPS:
        raise NocturneError(
            f"demo: {facts.round_trips} round trips at the exchange, at least {LEAST_ROUND_TRIPS}"
            f" were expected of release {release.release_id}"
        )
    if facts.stops_rested == 0:
        raise NocturneError("demo: no protective stop rested at the exchange")
    if facts.violations:
        raise NocturneError(f"demo: the exchange's audit found: {'; '.join(facts.violations)}")
    if not facts.why_complete:
        raise NocturneError("demo: `nocturne why` could not trace an order back to its data")
