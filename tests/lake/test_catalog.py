from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lake.catalog import open_catalog, query
from lake.store import Lake
from lake.tables import FEATURES, FILLS, ORDERS, POSITIONS, RAW_CANDLES, RAW_FUNDING, TABLES
from tests.lake.builders import MAY_31_2358, SERIES, candles
from trading.errors import DataError

REPORTS = Path(__file__).parents[2] / "sql" / "reports"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "it's a [lake]")
    made.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    return made


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_every_table_is_a_view_even_an_empty_one(lake: Lake) -> None:
    for view, table in TABLES.items():
        result = query(lake, f"select * from {view}")
        assert {*table.schema.names, *table.partition} == set(result.column_names)
    assert query(lake, "select count(*) as n from candles").to_pylist() == [{"n": 0}]


def test_every_column_is_selected_by_its_bare_name(lake: Lake) -> None:
    """No column bears a word that SQL reserves, in any view."""
    columns: dict[str, list[str]] = {}
    known = "select table_name, column_name from information_schema.columns"
    with open_catalog(lake) as connection:
        for view, column in connection.execute(known).fetchall():
            columns.setdefault(view, []).append(column)
        for view, names in columns.items():
            bare = ", ".join(names)
            connection.execute(f"select {bare} from {view} group by {bare}").fetchall()
    assert columns.keys() >= {"structures", "releases", "gaps", "candles", "instruments_history"}


def test_a_view_has_the_rows_and_the_partition_columns_as_text(lake: Lake) -> None:
    result = query(
        lake, "select symbol, interval, month, max(close) as c from raw_candles group by all"
    )
    assert result.to_pylist() == [
        {"symbol": "BTCUSDT", "interval": "1m", "month": "2025-05", "c": 11.0}
    ]


@pytest.mark.parametrize(
    ("as_of", "rows"),
    [
        (moment(2025, 5, 31, 23, 58), 0),
        (moment(2025, 5, 31, 23, 59), 1),
        (moment(2025, 5, 31, 23, 59, 59), 1),
        (moment(2025, 6, 1), 2),
    ],
)
def test_a_view_and_a_read_agree_on_what_was_known(lake: Lake, as_of: datetime, rows: int) -> None:
    result = query(lake, "select count(*) as n from raw_candles", as_of)
    assert result["n"].to_pylist() == [rows]
    assert lake.read(RAW_CANDLES, as_of=as_of).num_rows == rows


def test_an_event_at_as_of_is_hidden(lake: Lake) -> None:
    at = moment(2025, 5, 1)
    funding = pa.table(
        {"funding_time": pa.array([at], pa.timestamp("ms", tz="UTC")), "funding_rate": [0.1]}
    )
    lake.write(RAW_FUNDING, funding, venue="binance_usdm", symbol="BTCUSDT")
    assert query(lake, "select * from funding", at).num_rows == 0
    assert query(lake, "select * from funding", moment(2025, 5, 2)).num_rows == 1


def test_partitions_of_features_may_differ_in_columns(lake: Lake) -> None:
    for n, name in enumerate(("rsi", "adx")):
        time = pa.array([MAY_31_2358 + n * 120_000], pa.timestamp("ms", tz="UTC"))
        month = {**SERIES, "month": f"2025-0{5 + n}"}
        lake.write(FEATURES, pa.table({"open_time": time, name: [1.0]}), **month)
    result = query(lake, "select rsi, adx from features order by open_time")
    assert result.to_pydict() == {"rsi": [1.0, None], "adx": [None, 1.0]}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("selec 1", r"SQL: Parser Error: syntax error at or near \"selec\""),
        ("select nope from candles", "SQL: Binder Error"),
        ("select * from orderz", "SQL: Catalog Error: Table with name orderz does not exist!"),
        ("select cast('a' as integer)", "SQL: Conversion Error"),
        ("copy (select 1) to 'x.csv'", "COPY is not possible; use SELECT"),
        ("create table x as select 1", "CREATE is not possible"),
        (
            "copy (pivot candles on symbol using max(close)) to 'x.csv'",
            "COPY is not possible; use SELECT",
        ),
        ("create table x as pivot candles on symbol using max(close)", "CREATE is not possible"),
        ("explain analyze copy (select 1) to 'x.csv'", "COPY is not possible"),
        ("explain (analyze) copy (select 1) to 'x.csv'", "COPY is not possible"),
        ("explain analyze create table x as select 1", "CREATE is not possible"),
        ("explain /* now */ analyze copy (select 1) to 'x.csv'", "SQL: Parser Error"),
        ("set threads = 1", "SET is not possible"),
        ("pragma version", "PRAGMA is not possible"),
        ("import database 'x'", "PRAGMA is not possible"),
        ("attach 'x.db'", "ATTACH is not possible"),
        ("select 1; select 2", "one SQL statement is expected, 2 were given"),
        ("", "one SQL statement is expected, 0 were given"),
    ],
)
def test_a_bad_query_fails_with_one_sentence(lake: Lake, sql: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        query(lake, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        (
            "pivot raw_candles on symbol using max(close) as top group by month",
            ["month", "BTCUSDT_top"],
            1,
        ),
        (
            "PIVOT raw_candles ON symbol USING max(close) GROUP BY month; -- widest",
            ["month", "BTCUSDT"],
            1,
        ),
        (
            "-- ü\nwith é as (pivot raw_candles on symbol using sum(close))"
            " select 'é;' as e from é; /* ; */",
            ["e"],
            None,
        ),
        (
            "select * from (pivot raw_candles on symbol using max(close) group by month)",
            ["month", "BTCUSDT"],
            1,
        ),
        (
            "pivot raw_candles on symbol in ('BTCUSDT') using max(close) group by month",
            ["month", "BTCUSDT"],
            1,
        ),
        ("unpivot (select close, open from raw_candles) on close, open", ["name", "value"], 4),
        ("describe candles", None, None),
        ("summarize raw_candles", None, None),
        ("show tables", ["name"], len(TABLES) + 3),
        ("show candles", None, None),
        ("with x as (select 1 as n) from x", ["n"], 1),
        ("from raw_candles select close", ["close"], 2),
        ("values (1), (2)", ["col0"], 2),
        ("explain select 1", ["explain_key", "explain_value"], None),
        ("explain analyze select 1", ["explain_key", "explain_value"], None),
        (
            "explain pivot raw_candles on symbol using max(close)",
            ["explain_key", "explain_value"],
            None,
        ),
    ],
)
def test_every_statement_that_only_reads_runs(
    lake: Lake, sql: str, columns: list[str] | None, rows: int | None
) -> None:
    result = query(lake, sql)
    assert result.num_rows > 0
    if columns is not None:
        assert result.column_names == columns
    if rows is not None:
        assert result.num_rows == rows


def test_a_missing_lake_fails_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; run `nocturne demo`"):
        open_catalog(Lake(tmp_path / "none"))


def _time(minute: int) -> pa.Array:
    return pa.array([moment(2025, 6, 20, 1, minute)], pa.timestamp("ms", tz="UTC"))


def _trade(lake: Lake) -> None:
    """Write one closed breakout: decided at 100, bought at 100.2, sold at 110."""
    day = {"day": "2025-06-20"}
    order = {
        "created_at": _time(0),
        "client_id": ["n1-abc"],
        "venue": ["binance_usdm"],
        "symbol": ["BTCUSDT"],
        "strategy": ["breakout"],
        "release_id": ["20250620T000000Z-aaaaaaaa"],
        "leg": ["en"],
        "side": ["BUY"],
        "kind": ["MARKET"],
        "status": ["filled"],
        "decision_price": [100.0],
    }
    fill = {
        "time": _time(0),
        "venue": ["binance_usdm"],
        "symbol": ["BTCUSDT"],
        "trade_id": ["1"],
        "client_id": ["n1-abc"],
        "side": ["BUY"],
        "price": [100.2],
        "quantity": [2.0],
    }
    position = {
        "opened_at": _time(0),
        "id": [1],
        "venue": ["binance_usdm"],
        "symbol": ["BTCUSDT"],
        "strategy": ["breakout"],
        "side": [1],
        "status": ["closed"],
        "quantity": [0.0],
        "entry_price": [100.2],
        "release_id": ["20250620T000000Z-aaaaaaaa"],
        "closed_at": _time(9),
        "realized_pnl": [19.6],
        "fees": [0.1],
    }
    lake.write(ORDERS, pa.table(order), **day)
    lake.write(FILLS, pa.table(fill), **day)
    lake.write(POSITIONS, pa.table(position), **day)


@pytest.mark.parametrize("path", sorted(REPORTS.glob("*.sql")), ids=lambda path: path.stem)
def test_every_documented_query_runs_on_an_empty_lake(lake: Lake, path: Path) -> None:
    assert query(lake, path.read_text()).num_rows == 0


def test_the_documented_queries_report_a_trade(lake: Lake) -> None:
    _trade(lake)

    def ask(name: str) -> dict[str, object]:
        (row,) = query(lake, (REPORTS / f"{name}.sql").read_text()).to_pylist()
        return row

    profit = ask("profit_by_strategy")
    assert (profit["trades"], profit["win_rate"]) == (1, 1.0)
    assert profit["net_pnl"] == pytest.approx(19.5)
    assert ask("worst_slippage")["slippage_bps"] == pytest.approx(20.0)
    assert ask("release_trades")["release_id"] == "20250620T000000Z-aaaaaaaa"
