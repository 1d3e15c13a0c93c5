from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lake.catalog import query
from lake.content import content_hash
from lake.lineage import verify
from lake.store import Lake
from lake.tables import FEATURES, RAW_CANDLES, RAW_FUNDING, SEARCHES, TABLES
from tests.lake.builders import MAY_31_2358, SERIES, candles
from trading.errors import DataError, SchemaMismatch


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_partition_is_stored_in_hive_folders_and_reads_back_with_its_columns(lake: Lake) -> None:
    ref = lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    assert ref.path == (
        "raw/candles/venue=binance_usdm/symbol=BTCUSDT/interval=1m/month=2025-05/part.parquet"
    )
    assert (ref.rows, ref.last) == (2, datetime(2025, 5, 31, 23, 59, tzinfo=UTC))
    rows = lake.read(RAW_CANDLES).to_pylist()
    assert [row["close"] for row in rows] == [10.0, 11.0]
    assert {row["symbol"] for row in rows} == {"BTCUSDT"}
    assert rows[0]["quote_volume"] is None


def test_rows_are_sorted_by_the_key(lake: Lake) -> None:
    shuffled = candles(MAY_31_2358, [10.0, 11.0]).take([1, 0])
    lake.write(RAW_CANDLES, shuffled, **SERIES)
    assert lake.read(RAW_CANDLES, ["close"]).to_pydict() == {"close": [10.0, 11.0]}


def test_a_repeated_key_is_refused(lake: Lake) -> None:
    twice = candles(MAY_31_2358, [10.0, 11.0]).take([0, 1, 0])
    with pytest.raises(SchemaMismatch, match=r"raw\.candles .*month=2025-05: the key open_time="):
        lake.write(RAW_CANDLES, twice, **SERIES)


def test_a_wrong_column_type_names_table_partition_column_and_both_types(lake: Lake) -> None:
    text = candles(MAY_31_2358, [10.0]).set_column(4, "close", pa.array(["10"]))
    with pytest.raises(SchemaMismatch) as caught:
        lake.write(RAW_CANDLES, text, **SERIES)
    assert str(caught.value) == (
        "raw.candles venue=binance_usdm symbol=BTCUSDT interval=1m month=2025-05: "
        "column 'close' is string, the contract wants double; convert it before writing"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop_columns(["open_time"]), "column 'open_time' is missing"),
        (lambda t: t.append_column("vwap", pa.array([1.0])), "column 'vwap' .* is not in"),
        (
            lambda t: t.set_column(0, "open_time", t["open_time"].cast(pa.timestamp("ms"))),
            "column 'open_time' is timestamp",
        ),
        (
            lambda t: t.set_column(0, "open_time", pa.array([1], pa.timestamp("us", tz="UTC"))),
            "a value does not fit",
        ),
        (
            lambda t: t.set_column(0, "open_time", pa.nulls(1, pa.timestamp("ms", tz="UTC"))),
            "has 1 empty values",
        ),
        (lambda t: t.append_column("symbol", pa.array(["ETHUSDT"])), "the partition is 'BTCUSDT'"),
        (lambda _: candles(MAY_31_2358 + 120_000, [1.0]), "does not belong to 2025-05"),
    ],
    ids=["missing", "unknown", "naive time", "lossy time", "null key", "other symbol", "month"],
)
def test_data_that_breaks_the_contract_is_refused_and_leaves_nothing(
    lake: Lake, change: object, words: str
) -> None:
    with pytest.raises(SchemaMismatch, match=words):
        lake.write(RAW_CANDLES, change(candles(MAY_31_2358, [10.0])), **SERIES)  # type: ignore[operator]
    assert lake.partitions(RAW_CANDLES) == ()


def test_a_partition_needs_every_value(lake: Lake) -> None:
    with pytest.raises(DataError, match=r"partitioned by venue, symbol; symbol is not given"):
        lake.write(RAW_FUNDING, pa.table({}), venue="upbit")
    with pytest.raises(DataError, match="not by month"):
        lake.partitions(RAW_FUNDING, month="2025-05")


def test_writing_equal_content_touches_nothing(lake: Lake) -> None:
    first = lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    path = lake.path(RAW_CANDLES, **SERIES)
    before = path.stat()
    second = lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    assert second == first
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_file_is_reported_and_writing_replaces_it(lake: Lake) -> None:
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    path = lake.path(RAW_CANDLES, **SERIES)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="the file cannot be read"):
        lake.read(RAW_CANDLES)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    assert lake.read(RAW_CANDLES).num_rows == 1


def test_leftovers_of_a_dead_writer_are_removed_and_those_of_a_living_one_stay(lake: Lake) -> None:
    folder = lake.path(RAW_CANDLES, **SERIES).parent
    folder.mkdir(parents=True)
    dead = folder / ".part.parquet.999999999-aa.tmp"
    living = folder / f".part.parquet.{os.getppid()}-bb.tmp"
    for leftover in (dead, living):
        leftover.write_bytes(b"half")
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    assert (dead.exists(), living.exists()) == (False, True)
    assert lake.read(RAW_CANDLES).num_rows == 1


def test_as_of_hides_a_candle_until_it_has_closed(lake: Lake) -> None:
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)

    def closes(as_of: datetime) -> list[float]:
        return lake.read(RAW_CANDLES, ["close"], as_of)["close"].to_pylist()

    assert closes(datetime(2025, 5, 31, 23, 59, tzinfo=UTC)) == [10.0]
    assert closes(datetime(2025, 5, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == [10.0]
    assert closes(datetime(2025, 6, 1, tzinfo=UTC)) == [10.0, 11.0]


def test_as_of_hides_an_event_at_its_own_time_and_shows_a_result_of_that_as_of(lake: Lake) -> None:
    moment = datetime(2025, 5, 1, tzinfo=UTC)
    funding = pa.table(
        {"funding_time": pa.array([moment], pa.timestamp("ms", tz="UTC")), "funding_rate": [0.1]}
    )
    lake.write(RAW_FUNDING, funding, venue="binance_usdm", symbol="BTCUSDT")
    search = pa.table(
        {
            "as_of": pa.array([moment], pa.timestamp("us", tz="UTC")),
            "strategy": ["breakout"],
            "symbol": ["BTCUSDT"],
            "trial": [1],
            "params": ["{}"],
            "sharpe": [1.0],
        }
    )
    lake.write(SEARCHES, search, run="r1")
    assert lake.read(RAW_FUNDING, as_of=moment).num_rows == 0
    assert lake.read(SEARCHES, ["sharpe"], as_of=moment)["sharpe"].to_pylist() == [1.0]


def test_the_fingerprint_covers_the_rows_read_and_survives_later_rows(lake: Lake) -> None:
    as_of = datetime(2025, 5, 31, 23, 59, tzinfo=UTC)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    (before,) = lake.fingerprint(RAW_CANDLES, as_of)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    assert lake.fingerprint(RAW_CANDLES, as_of) == (before,)
    assert verify(lake, before, as_of).verified
    assert lake.fingerprint(RAW_CANDLES, datetime(2025, 5, 1, tzinfo=UTC)) == ()


def test_a_partition_that_is_known_whole_is_not_read_for_its_fingerprint(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    (part,) = lake.fingerprint(RAW_CANDLES, datetime(2025, 5, 31, 23, 59, tzinfo=UTC))
    data = lake.read_partition(lake.partitions(RAW_CANDLES)[0])

    def unwanted(*_: object, **__: object) -> None:
        raise AssertionError("rows were read")

    monkeypatch.setattr(Lake, "read_partition", unwanted)
    (whole,) = lake.fingerprint(RAW_CANDLES, datetime(2025, 6, 1, tzinfo=UTC))
    assert (whole.rows, part.rows) == (2, 1)
    assert whole.sha256 == content_hash(data)
    assert [whole.first, whole.last] == data["open_time"].to_pylist()


def test_one_changed_bit_changes_the_fingerprint(lake: Lake) -> None:
    as_of = datetime(2025, 6, 1, tzinfo=UTC)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    (before,) = lake.fingerprint(RAW_CANDLES, as_of)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.000000000000002]), **SERIES)
    (after,) = lake.fingerprint(RAW_CANDLES, as_of)
    assert before.sha256 != after.sha256
    check = verify(lake, before, as_of)
    assert not check.verified
    assert "2 rows now, 2 then" in check.text


def test_a_file_is_hashed_once_until_it_is_replaced(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of = datetime(2025, 6, 1, tzinfo=UTC)
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 11.0]), **SERIES)
    first = lake.fingerprint(RAW_CANDLES, as_of)
    with monkeypatch.context() as patched:
        patched.delattr("lake.store.content_hash")
        assert lake.fingerprint(RAW_CANDLES, as_of) == first
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0, 12.0]), **SERIES)
    second = lake.fingerprint(RAW_CANDLES, as_of)
    lake.path(RAW_CANDLES, **SERIES).unlink()
    assert (second != first, lake.fingerprint(RAW_CANDLES, as_of)) == (True, ())


def test_columns_are_read_without_those_of_the_partition(lake: Lake) -> None:
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    assert lake.read(RAW_CANDLES, ["close"]).to_pylist() == [{"close": 10.0}]
    assert lake.read(RAW_CANDLES, ["symbol", "close"]).to_pylist() == [
        {"symbol": "BTCUSDT", "close": 10.0}
    ]


def test_a_missing_partition_does_not_verify(lake: Lake) -> None:
    as_of = datetime(2025, 6, 1, tzinfo=UTC)
    ref = lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    lake.path(RAW_CANDLES, **SERIES).unlink()
    check = verify(lake, ref, as_of)
    assert (check.verified, check.text) == (False, f"{ref.path} is not in this lake")


def test_the_hash_ignores_chunks_slices_and_values_under_a_null() -> None:
    whole = pa.table(
        {"x": pa.array([1.0, None, 3.0]), "s": ["a", None, "bc"], "b": [True, None, False]}
    )
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    sliced = pa.concat_tables([whole.slice(2), whole]).slice(1)
    dirty_values = pa.py_buffer(bytes(pa.array([1.0, 99.0, 3.0]).buffers()[1]))
    dirty = pa.Array.from_buffers(pa.float64(), 3, [whole["x"].chunk(0).buffers()[0], dirty_values])
    assert content_hash(chunked) == content_hash(whole)
    assert content_hash(sliced) == content_hash(whole)
    assert content_hash(whole.set_column(0, "x", dirty)) == content_hash(whole)
    assert content_hash(whole.select(["s", "b", "x"])) == content_hash(whole)


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"x": [1.0, None], "s": ["a", "bc"]}),
        pa.table({"x": [1.0, 0.0], "s": ["ab", "c"]}),
        pa.table({"x": [0.0, 1.0], "s": ["a", "bc"]}),
        pa.table({"x": [1.0, -0.0], "s": ["a", "bc"]}),
        pa.table({"x": [1, 0], "s": ["a", "bc"]}),
        pa.table({"y": [1.0, 0.0], "s": ["a", "bc"]}),
        pa.table({"x": [1.0, 0.0], "s": ["a", "bc"]}).slice(0, 1),
    ],
    ids=["null", "text boundary", "row order", "sign of zero", "type", "name", "rows"],
)
def test_the_hash_changes_with_every_difference_in_content(other: pa.Table) -> None:
    assert content_hash(other) != content_hash(pa.table({"x": [1.0, 0.0], "s": ["a", "bc"]}))


def test_features_accept_any_number_and_partitions_may_differ_in_columns(lake: Lake) -> None:
    time = pa.array([MAY_31_2358], pa.timestamp("ms", tz="UTC"))
    june = pa.array([MAY_31_2358 + 120_000], pa.timestamp("ms", tz="UTC"))
    lake.write(FEATURES, pa.table({"open_time": time, "rsi": [50.0]}), **SERIES)
    later = pa.table({"open_time": june, "rsi": [60.0], "trend": pa.array([1], pa.int32())})
    lake.write(FEATURES, later, **{**SERIES, "month": "2025-06"})
    data = lake.read(FEATURES, ["rsi", "trend"])
    assert data.to_pydict() == {"rsi": [50.0, 60.0], "trend": [None, 1.0]}
    with pytest.raises(SchemaMismatch, match="column 'note' is string"):
        lake.write(FEATURES, pa.table({"open_time": time, "note": ["x"]}), **SERIES)


def test_reading_a_file_with_another_schema_is_refused(lake: Lake) -> None:
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [10.0]), **SERIES)
    path = lake.path(RAW_CANDLES, **SERIES)
    foreign = pq.read_table(path, partitioning=None)
    foreign = foreign.set_column(4, "close", pc.cast(foreign["close"], pa.float32()))
    pq.write_table(foreign, path)
    with pytest.raises(SchemaMismatch, match="column 'close' is float, the contract wants double"):
        lake.read(RAW_CANDLES)


def test_symbols_with_odd_characters_keep_their_names(lake: Lake) -> None:
    data = candles(MAY_31_2358, [10.0])
    odd = {**SERIES, "symbol": "KRW/BTC=1"}
    lake.write(RAW_CANDLES, data, **odd)
    (partition,) = lake.partitions(RAW_CANDLES, symbol="KRW/BTC=1")
    assert partition.values["symbol"] == "KRW/BTC=1"
    assert query(lake, "select symbol from raw_candles")["symbol"].to_pylist() == ["KRW/BTC=1"]


def test_every_contract_names_its_own_columns() -> None:
    for view, table in TABLES.items():
        assert view == table.view
        assert {*table.key, table.time} <= set(table.schema.names)
        assert not any(table.schema.field(name).nullable for name in (*table.key, table.time))
