"""The summary of a report, the week of a report, and their way to a webhook."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flows.engine.engine import attempt
from flows.engine.request import FlowRequest
from flows.report.lake_reader import ReportData, read_report_data
from flows.report.language import Locale, localized
from flows.report.sections.execution import LedgerRows
from flows.report.summary import LONGEST, summary_of
from flows.report.week import of_last_days
from flows.settings import ReportSettings, ResearchSettings
from flows.steps.reporting.report import build_report, file_stem
from flows.steps.reporting.send_summary import send_summary
from flows.tasks import REPORT, SUMMARY
from lake.store import Lake
from tests.flows.report.lake import LATER, small_lake
from trading.errors import DataError

DAY = timedelta(days=1)


class Webhook(BaseHTTPRequestHandler):
    """Takes messages; answers with ``status``."""

    received: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 204

    def do_POST(self) -> None:
        """Keep one message."""
        self.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """Return the address of a webhook on this machine; its last part stands for a secret."""
    Webhook.received, Webhook.status = [], 204
    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hooks/s3cret"
        server.shutdown()


def position(number: int, days_ago: float, result: float, **other: object) -> dict[str, Any]:
    """Return a position that closed so many days before `LATER`."""
    closed = LATER - days_ago * DAY
    return {
        "id": number,
        "strategy": "breakout",
        "symbol": "BTCUSDT",
        "opened_at": closed - DAY,
        "closed_at": closed,
        "realized_pnl": result + 1.0,
        "fees": 1.0,
        "quote_asset": "USDT",
        **other,
    }


def with_ledger(lake: Path, **rows: Any) -> ReportData:
    """Return the small lake's data as of `LATER`, with this ledger."""
    small_lake(lake)
    return replace(read_report_data(Lake(lake), LATER, None), ledger=LedgerRows(**rows))


def test_the_summary_says_what_the_week_brought_by_asset_and_strategy(tmp_path: Path) -> None:
    positions = [
        position(1, 1, 30.0),
        position(2, 6.9, -10.0, strategy="pullback"),
        position(3, 7.1, 1000.0),
        position(4, 0, 0.0, closed_at=None, opened_at=LATER - 20 * DAY),
    ]
    equity = [
        {"time": LATER - 8 * DAY, "asset": "USDT", "equity": 1.0},
        {"time": LATER - 6 * DAY, "asset": "USDT", "equity": 900.0},
        {"time": LATER - DAY, "asset": "USDT", "equity": 920.0},
    ]
    text = summary_of(with_ledger(tmp_path, positions=positions, equity=equity), 7)
    assert "Trades: 2 closed, 1 won, +20.00 USDT after fees, 1 open." in text
    assert "Best: breakout USDT +30.00; worst: pullback USDT -10.00." in text.replace("−", "-")
    assert "Equity: 900.00 to 920.00 USDT." in text
    assert "0 of 1 parameter set proven." in text
    assert "1 row in quarantine, 1 gap marked." in text


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["equal", "explained"], "2 compared, none differs from the replay."),
        (["equal", "different"], "2 compared, different from the replay: 1."),
        (["not compared"], "0 compared, 1 not compared: see the report."),
        (
            ["equal", "not compared"],
            "1 compared, none differs from the replay, 1 not compared: see the report.",
        ),
    ],
)
def test_the_summary_counts_no_decision_that_was_not_compared(
    tmp_path: Path, verdicts: list[str], said: str
) -> None:
    rows = [{"day": f"{LATER - DAY:%Y-%m-%d}", "verdict": verdict} for verdict in verdicts]
    data = replace(with_ledger(tmp_path), parity=rows)
    assert f"Live decisions and trades: {said}" in summary_of(data, 7)


def test_won_have_no_decimals_and_wallets_of_a_moment_add_up(tmp_path: Path) -> None:
    positions = [
        position(1, 1, 30_000.4, quote_asset="KRW", symbol="KRW-BTC"),
        position(2, 2, -10_000.4, quote_asset="KRW", symbol="KRW-BTC", strategy="pullback"),
    ]
    equity = [
        {"time": LATER - 2 * DAY, "asset": "KRW", "venue": "upbit", "equity": 5_000_000.4},
        *(
            {"time": LATER - days * DAY, "asset": "USDT", "venue": venue, "equity": amount}
            for days in (2, 1)
            for venue, amount in (("binance_usdm", 900.0), ("binance_spot", 100.0))
        ),
    ]
    text = summary_of(with_ledger(tmp_path, positions=positions, equity=equity), 7)
    assert "+20,000 KRW after fees" in text
    assert "Best: breakout KRW +30,000; worst: pullback KRW −10,000." in text
    assert "Equity: 5,000,000 to 5,000,000 KRW." in text
    assert "Equity: 1,000.00 to 1,000.00 USDT." in text


@pytest.mark.parametrize("days", [1, 3, 7])
def test_a_summary_follows_the_language_and_the_clock(tmp_path: Path, days: int) -> None:
    data = with_ledger(
        tmp_path,
        positions=[position(1, 0.5, 30.0), position(2, 0.5, -10.0, strategy="pullback")],
        equity=[{"time": LATER - DAY / 2, "asset": "USDT", "equity": 900.0}],
    )
    assert data.manifest is not None
    day, left_out = f"{LATER:%Y-%m-%d}", [{"symbol": "ETHUSDT"}]
    data = replace(
        data,
        parity=[{"day": day, "verdict": each} for each in ("equal", "different", "not compared")],
        manifest={**data.manifest, "left_out": left_out},
    )
    with localized(Locale("ko", "Asia/Seoul")):
        texts = [summary_of(one, days, [("a.csv", "torn")]) for one in unlike(data)]
    assert all(f"{LATER:%Y-%m-%d} 09:00 KST" in text for text in texts)
    assert "거래: 청산 2건(수익 1건), 수수료 차감 후 +20.00 USDT, 보유 중 0건." in texts[0]
    words = {word for text in texts for word in re.findall(r"[A-Za-z]{2,}", text)}
    names = {"Nocturne", "KST", "USDT", "ETHUSDT", "breakout", "pullback", "csv"}
    assert {word for word in words - names if word not in str(data.manifest["release_id"])} == set()


def unlike(data: ReportData) -> tuple[ReportData, ...]:
    """Return the data, and again without trades, closed trades, faults of a replay, a release."""
    open_only = [{**row, "closed_at": None} for row in data.ledger.positions]
    return (
        data,
        replace(data, ledger=LedgerRows(), parity=data.parity[:1]),
        replace(data, ledger=replace(data.ledger, positions=open_only), parity=[]),
        replace(data, manifest=None),
    )


@pytest.mark.parametrize(
    ("days", "start"), [(1, "Nocturne 일일 요약, "), (7, "Nocturne 주간 요약, ")]
)
def test_the_text_beside_the_report_follows_its_language(
    tmp_path: Path, days: int, start: str
) -> None:
    small_lake(tmp_path)
    request = FlowRequest(
        ResearchSettings(lake=tmp_path, report=ReportSettings(language="ko")), LATER
    )
    path = attempt(REPORT, request, None, (), days)
    assert Path(path).with_suffix(".txt").read_text(encoding="utf-8").startswith(start)


def test_a_week_keeps_the_orders_of_a_position_that_is_still_open(tmp_path: Path) -> None:
    orders = [
        {"client_id": "old-open", "position_id": 1, "created_at": LATER - 20 * DAY},
        {"client_id": "old-closed", "position_id": 2, "created_at": LATER - 20 * DAY},
        {"client_id": "new", "position_id": None, "created_at": LATER - DAY},
    ]
    positions = [
        position(1, 0, 0.0, closed_at=None, opened_at=LATER - 20 * DAY),
        position(2, 19, 5.0),
    ]
    week = of_last_days(with_ledger(tmp_path, positions=positions, orders=orders), 7)
    assert [row["client_id"] for row in week.ledger.orders] == ["old-open", "new"]
    assert [row["id"] for row in week.ledger.positions] == [1]


def test_a_summary_fits_into_one_message_whatever_is_left_out(tmp_path: Path) -> None:
    data = with_ledger(tmp_path)
    names = [{"symbol": f"SYM{number:04}USDT"} for number in range(1000)]
    assert data.manifest is not None
    long = summary_of(replace(data, manifest={**data.manifest, "left_out": names}), 1)
    assert len(long) <= LONGEST
    assert long.endswith(" …")


def test_the_weekly_report_is_named_after_the_week_that_ends(tmp_path: Path) -> None:
    small_lake(tmp_path)
    found = build_report(Lake(tmp_path), as_of=LATER, release_id=None, days=7)
    assert found.path.name == "week-2025-W19.html"
    assert "Weekly report" in found.path.read_text(encoding="utf-8")
    assert found.path.with_suffix(".txt").read_text(encoding="utf-8").startswith("Nocturne, week ")


@pytest.mark.parametrize(
    ("monday", "name"),
    [
        (datetime(2025, 5, 12, 6, tzinfo=UTC), "week-2025-W19"),
        (datetime(2026, 1, 5, 6, tzinfo=UTC), "week-2026-W01"),
        (datetime(2027, 1, 4, 6, tzinfo=UTC), "week-2026-W53"),
    ],
)
def test_the_report_of_monday_morning_is_named_after_the_week_before(
    tmp_path: Path, monday: datetime, name: str
) -> None:
    assert file_stem(replace(with_ledger(tmp_path), as_of=monday), 7) == name


def test_a_summary_is_sent_once_for_discord_and_slack_and_mentions_nobody(
    tmp_path: Path, webhook: str
) -> None:
    small_lake(tmp_path)
    report = build_report(Lake(tmp_path), as_of=LATER, release_id=None).path
    assert send_summary(report, webhook) == "it was sent"
    assert send_summary(report, webhook) == "it was sent before"
    (message,) = Webhook.received
    assert message["content"] == message["text"]
    assert message["content"].startswith("Nocturne, day ")
    assert message["allowed_mentions"] == {"parse": []}


def test_a_message_whose_mark_cannot_be_written_is_not_posted_again_in_the_run(
    tmp_path: Path, webhook: str
) -> None:
    report = tmp_path / "one.html"
    report.with_suffix(".txt").write_text("quiet day\n")
    report.with_suffix(".sent").mkdir()
    settings = ResearchSettings(summary_url=webhook)
    said = attempt(SUMMARY, FlowRequest(settings, LATER), str(report))
    assert said.startswith("it was sent, but one.sent cannot be written")
    assert len(Webhook.received) == 1


def test_a_summary_that_was_refused_is_sent_the_next_time(tmp_path: Path, webhook: str) -> None:
    report = tmp_path / "one.html"
    report.with_suffix(".txt").write_text("quiet day\n")
    Webhook.status = 404
    with pytest.raises(DataError, match="summary_url answers 404") as refused:
        send_summary(report, webhook)
    assert "s3cret" not in str(refused.value)
    Webhook.status = 204
    assert send_summary(report, webhook) == "it was sent"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/s3cret", "no address s3cret"])
def test_an_address_that_cannot_be_reached_is_not_in_the_error(tmp_path: Path, url: str) -> None:
    report = tmp_path / "one.html"
    report.with_suffix(".txt").write_text("quiet day\n")
    with pytest.raises(DataError, match="cannot be reached") as refused:
        send_summary(report, url)
    assert "s3cret" not in str(refused.value)
