"""The main job as a user runs it, checked against the exchange's ledger and the release's files."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cli.demo.plan import FUTURES, SPOT, DemoPlan
from cli.demo.replay import SECRET
from lake.releases import current_release
from tests.browser.pages import (
    PROGRAM,
    WIDTHS,
    chromium,
    cut_texts,
    opened,
    serious_faults,
    unfold,
)

PROJECT = Path(__file__).resolve().parents[2]
REPLAYED_FROM = datetime(2025, 6, 22, tzinfo=UTC)
DEADLINE_S = 900

pytestmark = pytest.mark.timeout(DEADLINE_S)


@dataclass(frozen=True)
class Run:
    """A finished demo: its folder and what it printed."""

    work: Path
    output: str

    @property
    def release_id(self) -> str:
        return current_release(self.work / "lake" / "published").release_id

    @property
    def short_id(self) -> str:
        return current_release(self.work / "lake" / "published").short_id

    @property
    def replay(self) -> Path:
        return self.work / "replays" / self.release_id

    def exchange(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.replay / "exchange.sqlite", query)

    def ledger(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.replay / "state" / "ledger.sqlite", query)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def nocturne(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    work = tmp_path_factory.mktemp("demo")
    done = nocturne("demo", "--work", str(work))
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(work, done.stdout)


def test_the_exchange_saw_at_least_two_round_trips(run: Run) -> None:
    flat_again = 0
    held: dict[object, Decimal] = {}
    for symbol, amount in run.exchange("select symbol, amount from positions order by seq"):
        now = Decimal(str(amount))
        if now == 0 and held.get(symbol, Decimal()) != 0:
            flat_again += 1
        held[symbol] = now
    assert flat_again >= 2


def test_every_order_at_the_exchange_carries_the_release_in_its_id(run: Run) -> None:
    ids = [str(row[0]) for row in run.exchange("select distinct client_id from orders")]
    ids += [str(row[0]) for row in run.exchange("select distinct client_id from algo_orders")]
    assert ids
    assert {client_id.split("-")[1] for client_id in ids} == {run.short_id}


def test_a_stop_rested_at_the_exchange_for_every_position(run: Run) -> None:
    opened = run.exchange(
        "select symbol, market_ms from fills where client_id like 'n1-%-en-%' order by seq"
    )
    assert opened
    for symbol, time in opened:
        resting = run.exchange(
            "select count(*) from algo_orders where type = 'STOP_MARKET' and status = 'NEW'"
            f" and close_position = 1 and symbol = '{symbol}'"
            f" and market_ms between {time} and {int(str(time)) + 5_000}"
        )
        assert resting[0][0] == 1, (symbol, time)


def test_nothing_of_the_replayed_day_was_seen_before_it_was_traded(run: Run) -> None:
    release = current_release(run.work / "lake" / "published")
    assert release.as_of == REPLAYED_FROM
    assert release.manifest.fingerprint
    for partition in release.manifest.fingerprint:
        assert partition.rows > 0
        assert partition.last is not None
        assert partition.last < REPLAYED_FROM, partition.path


def test_why_leads_from_every_filled_order_back_to_its_verified_partitions(run: Run) -> None:
    filled = [str(row[0]) for row in run.exchange("select distinct client_id from fills")]
    assert len(filled) >= 4
    for client_id in (filled[0], filled[-1]):
        done = nocturne(
            "why", client_id, "--json",
            "--ledger", str(run.replay / "state" / "ledger.sqlite"),
            "--lake", str(run.work / "lake"),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        chain = json.loads(done.stdout)
        assert run.release_id in done.stdout
        assert chain["order"]["client_id"] == client_id


def test_the_executor_and_the_exchange_agree_on_every_fill(run: Run) -> None:
    theirs = run.exchange(
        "select cast(trade_id as text), client_id, price, quantity from fills order by 1"
    )
    ours = run.ledger(
        "select cast(trade_id as text), client_id, price, quantity from fills order by 1"
    )
    assert [(t, c, Decimal(str(p)), Decimal(str(q))) for t, c, p, q in ours] == [
        (t, c, Decimal(str(p)), Decimal(str(q))) for t, c, p, q in theirs
    ]


def test_the_summary_names_release_report_ledger_and_one_chain(run: Run) -> None:
    assert run.release_id in run.output
    for path in (
        run.work / "lake" / "reports" / f"{run.release_id}.html",
        run.replay / "state" / "ledger.sqlite",
    ):
        assert path.is_file()
        assert str(path) in run.output
    assert str(run.work / "lake" / "published" / "releases" / run.release_id) in run.output
    assert "unproven" in run.output
    assert "└─" in run.output


def test_entries_are_sized_by_the_forecasts_of_the_releases_models(run: Run) -> None:
    release = current_release(run.work / "lake" / "published")
    models = {Path(f.path).stem: f.sha256 for f in release.files if f.path.endswith(".txt")}
    intents = run.ledger(
        "select client_id, data, events.time from events, orders where type = 'order_intent'"
        " and json_extract(data, '$.client_id') = client_id and leg = 'en'"
    )
    assert intents
    for client_id, data, time in intents:
        known = json.loads(str(data))["forecast"]
        assert models[known["model"]] == known["model_sha256"]
        made, until = (
            datetime.fromisoformat(known[name]).timestamp() * 1000
            for name in ("made_at", "valid_until")
        )
        assert REPLAYED_FROM.timestamp() * 1000 <= made < int(str(time)) < until + 60_000
        ledger = str(run.replay / "state/ledger.sqlite")
        traced = nocturne("why", str(client_id), "--ledger", ledger)
        assert f"forecast {known['model']} of {release.release_id}" in traced.stdout
    assert "     forecasts    " in run.output
    assert f"{len(intents)} of {len(intents)} entries sized by volatility_1h-" in run.output


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_cuts_nothing_when_it_is_unfolded(run: Run, width: int) -> None:
    report = run.work / "lake" / "reports" / f"{run.release_id}.html"
    with chromium() as browser:
        found = opened(browser, report, width)
        unfold(found.page)
        assert cut_texts(found.page) == []
        assert serious_faults(found.page) == []
        assert found.trouble == []


def test_no_file_of_the_run_holds_the_secret(run: Run) -> None:
    files = [path for path in run.work.rglob("*") if path.is_file()]
    assert any(path.name == "settings.toml" for path in files)
    assert any(path.name == "executor.log" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in run.output


@pytest.mark.slow
def test_running_again_changes_nothing(run: Run) -> None:
    before = contents(run.work / "lake")
    assert before
    done = nocturne("demo", "--work", str(run.work))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "already replayed" in done.stdout
    assert contents(run.work / "lake") == before


@pytest.mark.slow
def test_both_venues_trade_the_release_with_a_stop_for_every_position(run: Run) -> None:
    both = (FUTURES, SPOT)
    done = nocturne("demo", "--work", str(run.work), "--venues", ",".join(both))
    assert done.returncode == 0, done.stdout + done.stderr
    folder = DemoPlan(run.work, run.work, venues=both).replay_folder(run.release_id)
    ledger = folder / "state" / "ledger.sqlite"
    closed = dict(
        rows(ledger, "select venue, count(*) from positions where status = 'closed' group by venue")
    )
    assert set(closed) == set(both)
    guarded = "select count(distinct key) from orders where leg = 'sl' and status <> 'rejected'"
    for venue in both:
        ((stops,),) = rows(ledger, f"{guarded} and venue = '{venue}'")
        assert stops == closed[venue]


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("venues", [(FUTURES,), (FUTURES, SPOT)], ids=["one", "both"])
def test_the_replayed_day_stays_open_in_a_browser_until_ctrl_c(
    run: Run, venues: tuple[str, ...]
) -> None:
    words = ("demo", "--work", str(run.work), "--venues", ",".join(venues), "--serve")
    folder = DemoPlan(run.work, run.work, venues=venues).replay_folder(run.release_id)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *words], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said: dict[str, str] = {}
        for line in process.stdout:
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/|password +(\S+)$", line):
                said["address" if found[1] else "password"] = found[1] or found[2]
            if "Ctrl-C ends it" in line:
                break
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.goto(f"{said['address']}/login")
            page.fill("#password", said["password"])
            page.keyboard.press("Enter")
            expect(page.locator("#stream")).to_be_visible(timeout=60_000)
            page.goto(f"{said['address']}/trades")
            closed = rows(
                folder / "state" / "ledger.sqlite",
                "select count(*) from positions where status = 'closed'",
            )
            trades = page.locator("table[data-part=trades] tbody tr")
            expect(trades).to_have_count(int(str(closed[0][0])), timeout=60_000)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130)
    finally:
        process.kill()
        process.communicate()


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of the lake."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
