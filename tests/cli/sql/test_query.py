"""`nocturne sql`: three formats, one sentence for a mistake."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from cli.main import main
from lake.store import Lake
from lake.tables import RAW_FUNDING

QUERY = "select funding_time, funding_rate, mark_price, symbol from funding order by funding_time"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    times = [datetime(2025, 5, 1, hour, tzinfo=UTC) for hour in (0, 8)]
    table = pa.table(
        {
            "funding_time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "funding_rate": [0.0001, float("nan")],
        }
    )
    Lake(tmp_path).write(RAW_FUNDING, table, venue="binance_usdm", symbol="BTCUSDT")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "sql", *(str(part) for part in arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_json_has_utc_times_and_null_for_nan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    assert run(monkeypatch, QUERY, "--lake", lake, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "funding_time": "2025-05-01T00:00:00Z",
            "funding_rate": 0.0001,
            "mark_price": None,
            "symbol": "BTCUSDT",
        },
        {
            "funding_time": "2025-05-01T08:00:00Z",
            "funding_rate": None,
            "mark_price": None,
            "symbol": "BTCUSDT",
        },
    ]


def test_csv_has_a_header_and_empty_cells_for_null(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    assert run(monkeypatch, QUERY, "--lake", lake, "--format", "csv") == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ["funding_time", "funding_rate", "mark_price", "symbol"],
        ["2025-05-01T00:00:00Z", "0.0001", "", "BTCUSDT"],
        ["2025-05-01T08:00:00Z", "", "", "BTCUSDT"],
    ]


def test_the_table_is_the_default_and_counts_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    assert (
        run(monkeypatch, "select symbol, sum(1) as n from funding group by 1", "--lake", lake) == 0
    )
    assert capsys.readouterr().out.splitlines() == [
        "symbol   n",
        "-------  -",
        "BTCUSDT  2",
        "(1 row)",
    ]


def test_as_of_hides_rows_that_were_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    query = "select count(*) as n from funding"
    assert (
        run(monkeypatch, query, "--lake", lake, "--as-of", "2025-05-01T08:00Z", "--format", "csv")
        == 0
    )
    assert capsys.readouterr().out == "n\n1\n"


def test_the_lake_may_come_from_the_environment_and_the_query_from_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    monkeypatch.setenv("NOCTURNE_LAKE", str(lake))
    file = lake / "question.sql"
    file.write_text("-- how many?\nselect count(*) as n from funding\n")
    assert run(monkeypatch, "--file", file, "--format", "csv") == 0
    assert capsys.readouterr().out == "n\n2\n"


def test_the_views_can_be_printed_for_the_plain_duckdb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    assert run(monkeypatch, "--views", "--lake", lake) == 0
    import duckdb

    with duckdb.connect() as plain:
        plain.execute(capsys.readouterr().out)
        assert plain.execute("select count(*) from funding").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["selec 1"], "error: SQL: Parser Error: syntax error"),
        (["select nope from funding"], "error: SQL: Binder Error"),
        (["delete from funding"], "error: the lake is read-only here, DELETE is not possible"),
        (["select 1", "--as-of", "soon"], "error: 'soon' is not a time"),
        ([], "error: one query is expected"),
        (["--file", "missing.sql"], "error: the query file missing.sql cannot be read"),
        (["select 1", "--lake", "nowhere"], "error: the lake nowhere does not exist"),
    ],
)
def test_a_mistake_gives_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lake: Path,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("NOCTURNE_LAKE", str(lake))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(words)
    assert len(captured.err.splitlines()) == 1
