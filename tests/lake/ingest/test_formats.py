"""Every usual file of candles gives the same candles, through the one reader."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.ingest.candle_files import read_candle_table, read_candles
from lake.ingest.candle_rows import refused_rows
from trading.errors import DataError

MINUTE = 60_000
START = 1_735_689_600_000  # 2025-01-01
TIMES = [START + MINUTE * row for row in range(240)]
CLOSES = [100.0 + (row % 7) / 4 for row in range(240)]


def rows() -> list[list[float]]:
    """Open time, open, high, low, close and volume of each candle."""
    opens = [CLOSES[0], *CLOSES[:-1]]
    return [
        [time, start, max(start, end) + 0.5, min(start, end) - 0.5, end, 3.0 + time % 5]
        for time, start, end in zip(TIMES, opens, CLOSES, strict=True)
    ]


def frame(time: str = "open_time") -> pl.DataFrame:
    return pl.DataFrame(
        rows(), schema=[time, *["open", "high", "low", "close", "volume"]], orient="row"
    )


def dated(time: str, unit: str = "ms", zone: str | None = "UTC") -> pl.DataFrame:
    moments = pl.col(time).cast(pl.Int64).cast(pl.Datetime("ms", zone)).dt.cast_time_unit(unit)
    return frame(time).with_columns(moments)


def klines(factor: int = 1, separator: str = ",") -> str:
    """Return Binance's twelve columns."""
    return "".join(
        separator.join(
            str(value)
            for value in (
                *(int(row[0]) * factor, *row[1:]),
                *((int(row[0]) + MINUTE - 1) * factor, row[4] * row[5], 10, 1.0, 100.0, 0),
            )
        )
        + "\n"
        for row in rows()
    )


def texts(form: str, header: str = "time,open,high,low,close,Volume") -> str:
    lines = [
        ",".join([datetime.fromtimestamp(row[0] / 1000, UTC).strftime(form), *map(str, row[1:])])
        for row in rows()
    ]
    return "\n".join([header, *lines]) + "\n"


def lines(form: str, header: str = "", *, comma: bool = False) -> bytes:
    """Write a row a line; ``form`` names ``t`` (a moment), ``o``, ``h``, ``l``, ``c`` and ``v``."""
    written = [header] if header else []
    for time, *numbers in rows():
        texts = [str(number).replace(".", ",") if comma else str(number) for number in numbers]
        moment = datetime.fromtimestamp(time / 1000, UTC)
        written.append(
            form.format(t=moment, ms=int(time), **dict(zip("ohlcv", texts, strict=True)))
        )
    return ("\n".join(written) + "\n").encode()


def indexed(name: str | None) -> pa.Table:
    """Return what pandas writes for candles whose times are the index."""
    data = frame("when").to_pandas()
    times = pd.to_datetime(data.pop("when"), unit="ms", utc=True)
    data.index = pd.DatetimeIndex(times.array, name=name)
    return pa.Table.from_pandas(data)


def written(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def typed(kind: pa.DataType, number: pa.DataType | None = None) -> bytes:
    """Return a Parquet file whose times, and numbers if given, have another type."""
    names = ("open", "high", "low", "close", "volume")
    times, *numbers = zip(*rows(), strict=True)
    if pa.types.is_dictionary(kind):
        moments = [datetime.fromtimestamp(time / 1000, UTC).isoformat() for time in times]
        column = pa.array(moments).dictionary_encode()
    else:
        in_seconds = kind in (pa.int32(), pa.float64())
        column = pa.array([int(time) // (1000 if in_seconds else 1) for time in times])
        column = column.cast(kind)
    others = [pa.array(values).cast(number or pa.float64()) for values in numbers]
    return written(pa.table([column, *others], names=["open_time", *names]))


def upbit() -> bytes:
    """Return Upbit's own answer: newest first, beside each candle the time of its last trade."""
    answer = [
        {
            "market": "KRW-BTC",
            "candle_date_time_utc": f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%dT%H:%M:%S}",
            "opening_price": opens,
            "high_price": high,
            "low_price": low,
            "trade_price": close,
            "timestamp": time + 59_123,
            "candle_acc_trade_price": volume * close,
            "candle_acc_trade_volume": volume,
        }
        for time, opens, high, low, close, volume in reversed(rows())
    ]
    return json.dumps(answer).encode()


PLAIN = "{ms},{o},{h},{l},{c},{v}"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
KOREAN = "일자,시가,고가,저가,종가,거래량"


def saved(write: Callable[[pl.DataFrame, io.BytesIO], object], data: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    write(data, buffer)
    return buffer.getvalue()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, klines())
    return buffer.getvalue()


FILES: dict[str, tuple[str, bytes]] = {
    "Binance": ("x.csv", klines().encode()),
    "Binance with a header": ("x.csv", (HEADER + klines()).encode()),
    "Binance in microseconds": ("x.csv", klines(1_000).encode()),
    "Binance, gzipped": ("x.csv.gz", gzip.compress(klines().encode())),
    "Binance's archive": ("BTCUSDT-1m-2025-01.zip", zipped("BTCUSDT-1m-2025-01.csv")),
    "gzipped, named .csv": ("x.csv", gzip.compress(klines().encode())),
    "zipped, named .csv": ("x.csv", zipped("y.csv")),
    "Parquet, named .csv": ("x.csv", saved(pl.DataFrame.write_parquet, dated("date", "ns"))),
    "feather, named .parquet": ("x.parquet", saved(pl.DataFrame.write_ipc, dated("date", "ns"))),
    "an ending of tabs": ("x.tsv", klines(separator="\t").encode()),
    "an ending of texts": ("x.txt", (HEADER + klines()).encode()),
    "no ending": ("candles", klines().encode("utf-8")),
    "semicolons": ("x.csv", klines(separator=";").encode()),
    "tabs": ("x.csv", klines(separator="\t").encode()),
    "Windows lines": ("x.csv", (HEADER + klines()).replace("\n", "\r\n").encode()),
    "a byte-order mark": ("x.csv", b"\xef\xbb\xbf" + (HEADER + klines()).encode()),
    "no last line end": ("x.csv", klines().rstrip("\n").encode()),
    "six columns": ("x.csv", frame().write_csv(include_header=False).encode()),
    "TradingView": ("x.csv", texts("%Y-%m-%dT%H:%M:%SZ").encode()),
    "TradingView with plots": (
        "x.csv",
        texts("%Y-%m-%dT%H:%M:%SZ", "time,open,high,low,close,Volume,Plot,Plot")
        .replace("\n", ",,\n")
        .replace("Plot,,", "Plot")
        .encode(),
    ),
    "TradingView in seconds": (
        "x.csv",
        frame("time").with_columns((pl.col("time") / 1000).cast(pl.Int64)).write_csv().encode(),
    ),
    "dates with an offset": ("x.csv", texts("%Y-%m-%dT%H:%M:%S+00:00").encode()),
    "dates with dots": ("x.csv", texts("%Y.%m.%d %H:%M:%S").encode()),
    "dates to the minute": ("x.csv", texts("%Y/%m/%d %H:%M").encode()),
    "Korean names": ("x.csv", texts("%Y-%m-%d %H:%M", KOREAN).encode()),
    "Korean encoding": ("x.csv", texts("%Y-%m-%d %H:%M", KOREAN).encode("cp949")),
    "freqtrade feather": (
        "x.feather",
        saved(lambda f, b: f.write_ipc(b, compression="lz4"), dated("date", "ns")),
    ),
    "freqtrade Parquet": ("x.parquet", saved(pl.DataFrame.write_parquet, dated("date", "ns"))),
    "freqtrade JSON": ("x.json", json.dumps(rows()).encode()),
    "freqtrade JSON, gzipped": ("x.json.gz", gzip.compress(json.dumps(rows()).encode())),
    "Binance's REST answer": (
        "x.json",
        json.dumps(
            [
                [int(f[0]), *f[1:6], int(f[6]), *f[7:]]
                for f in map(str.split, klines(separator=" ").splitlines())
            ]
        ).encode(),
    ),
    "objects": ("x.json", json.dumps(frame("timestamp").to_dicts()).encode()),
    "no zone": ("x.parquet", saved(pl.DataFrame.write_parquet, dated("open_time", "us", None))),
    "another zone": (
        "x.parquet",
        saved(pl.DataFrame.write_parquet, dated("open_time", "ms", "Asia/Seoul")),
    ),
    "whole numbers": (
        "x.parquet",
        saved(
            pl.DataFrame.write_parquet,
            frame().with_columns(pl.col("open_time").cast(pl.Int64)),
        ),
    ),
    "rows in any order": ("x.csv", frame().reverse().write_csv().encode()),
    "MetaTrader": (
        "x.csv",
        lines(
            "{t:%Y.%m.%d}\t{t:%H:%M:%S}\t{o}\t{h}\t{l}\t{c}\t17\t{v}\t2",
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        ),
    ),
    "MetaTrader without a header": ("x.csv", lines("{t:%Y.%m.%d},{t:%H:%M},{o},{h},{l},{c},{v}")),
    "a day and a time of day": (
        "x.csv",
        lines("{t:%Y%m%d};{t:%H:%M:%S};{o};{h};{l};{c};{v}", "Date;Time;Open;High;Low;Close;Vol"),
    ),
    "digits alone": ("x.csv", lines("{t:%Y%m%d %H%M%S};{o};{h};{l};{c};{v}")),
    "an address above the header": (
        "x.csv",
        lines(
            "{ms},{t:%Y-%m-%d %H:%M:%S},BTCUSDT,{o},{h},{l},{c},{v},5.5,10",
            "https://data.example.com\n"
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount",
        ),
    ),
    "a volume by its unit": (
        "x.csv",
        lines(PLAIN + ",1.5", "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency)"),
    ),
    "decimal commas": (
        "x.csv",
        lines(
            "{t:%Y-%m-%d %H:%M};{o};{h};{l};{c};{v}", "time;open;high;low;close;volume", comma=True
        ),
    ),
    "thousands with commas": (
        "x.csv",
        lines('{ms},"{o}","{h}","{l}","{c}","{v}"', "time,open,high,low,close,volume"),
    ),
    "an offset of hours": (
        "x.csv",
        lines("{t:%Y-%m-%d %H:%M:%S}+00,{o},{h},{l},{c},{v}", "time,open,high,low,close,volume"),
    ),
    "one letter a name": ("x.csv", lines(PLAIN, "t,o,h,l,c,v")),
    "OKX": ("x.csv", lines(PLAIN + ",1.0,1.0,1", "ts,o,h,l,c,vol,volCcy,volCcyQuote,confirm")),
    "Bybit": ("x.csv", lines(PLAIN + ",5.5", "start_at,open,high,low,close,volume,turnover")),
    "bars between the columns": (
        "x.csv",
        lines(PLAIN.replace(",", "|"), "time|open|high|low|close|volume"),
    ),
    "UTF-16": (
        "x.csv",
        lines(PLAIN, "time,open,high,low,close,volume").decode().encode("utf-16"),
    ),
    "empty lines at the end": (
        "x.csv",
        lines(PLAIN, "time,open,high,low,close,volume") + b"\n\n\n",
    ),
    "an index without a name, as CSV": (
        "x.csv",
        lines("{t:%Y-%m-%d %H:%M:%S}+00:00,{o},{h},{l},{c},{v}", ",open,high,low,close,volume"),
    ),
    "an index without a name": ("x.parquet", written(indexed(None))),
    "an index with a name": ("x.parquet", written(indexed("Date"))),
    "Upbit's answer": ("x.json", upbit()),
    "lists by name": (
        "x.json",
        json.dumps(
            {
                "s": "ok",
                **{n: list(v) for n, v in zip("tohlcv", zip(*rows(), strict=True), strict=True)},
            }
        ).encode(),
    ),
    "a JSON a line": ("x.jsonl", frame("time").write_ndjson().encode()),
    "seconds of 32 bits": ("x.parquet", typed(pa.int32())),
    "unsigned milliseconds": ("x.parquet", typed(pa.uint64())),
    "seconds as fractions": ("x.parquet", typed(pa.float64())),
    "times as texts": ("x.parquet", typed(pa.string())),
    "times as categories": ("x.parquet", typed(pa.dictionary(pa.int32(), pa.string()))),
    "numbers as texts": ("x.parquet", typed(pa.int64(), pa.string())),
    "decimals": ("x.parquet", typed(pa.int64(), pa.decimal128(20, 8))),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_candles(tmp_path: Path, name: str) -> None:
    path = tmp_path / FILES[name][0]
    path.write_bytes(FILES[name][1])
    candles = read_candles(path)
    assert candles.open_time.tolist() == TIMES
    assert candles.close.tolist() == CLOSES
    assert candles.high.tolist() == [row[2] for row in rows()]
    assert candles.volume.tolist() == [row[5] for row in rows()]
    assert candles.interval_ms == MINUTE
    table = read_candle_table(path)
    assert table["open_time"].cast("int64").to_pylist() == TIMES
    assert table["close"].to_pylist() == CLOSES
    assert refused_rows(table) == []


def test_the_exchanges_further_columns_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(HEADER + klines())
    table = read_candle_table(path)
    assert table["trades"].to_pylist() == [10] * 240
    assert table["quote_volume"].to_pylist() == [row[4] * row[5] for row in rows()]
    assert set(table["taker_buy_base"].to_pylist()) == {1.0}
    assert set(table["taker_buy_quote"].to_pylist()) == {100.0}


@pytest.mark.parametrize("row", range(0, 240, 12))
def test_one_bad_text_costs_one_row(tmp_path: Path, row: int) -> None:
    lines = frame().write_csv().splitlines()
    fields = lines[row + 1].split(",")
    fields[1 + row % 5] = "n/a" if row % 2 else "–"
    lines[row + 1] = ",".join(fields)
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    table = read_candle_table(path)
    assert table.num_rows == 239
    ((time, reason, values),) = refused_rows(table)
    assert (time, reason) == (TIMES[row], "a value is no number")
    assert values[row % 5] is None
    with pytest.raises(DataError, match=f"x.csv: column '.*' has no value in row {row}"):
        read_candles(path)


BAD = {
    "an empty file": ("x.csv", b"", "x.csv: the CSV is empty"),
    "another table": (
        "x.csv",
        b"name,price\na,1\nb,2\n",
        "x.csv has no column 'open_time'; give Bin",
    ),
    "too few columns": (
        "x.csv",
        b"1735689600000,1,1,1\n" * 3,
        "no header and 4 columns; give Binance",
    ),
    "a torn end": ("x.csv", klines().encode()[:-30], "the CSV is torn: its last line has"),
    "a web page": ("x.csv", b"<!doctype html><html>\n<body>\n", "has no column 'open_time'"),
    "day or month": ("x.csv", texts("%d/%m/%Y %H:%M").encode(), "day and month are not clear"),
    "no time": ("x.csv", texts("noon").encode(), "column 'time' holds 'noon', which is no time"),
    "two closes": (
        "x.csv",
        b"time,open,high,low,close,close,volume\n",
        "more than one column 'close'",
    ),
    "no Parquet": ("x.parquet", b"PAR1 and then nothing", "x.parquet cannot be read as Parquet"),
    "no feather": ("x.feather", b"ARROW1 and then nothing", "x.feather cannot be read as feather"),
    "no JSON": ("x.json", b"[[1, 2,", "x.json cannot be read as JSON"),
    "JSON of another kind": ("x.json", b'{"a": 1}', "x.json: the JSON is not a list of candles"),
    "no gzip": ("x.csv.gz", b"plain text", "x.csv.gz cannot be read as CSV"),
    "HDF5": ("x.h5", b"\x89HDF", "'.h5' is not a format of candles; the known ones are .csv"),
    "no encoding": ("x.csv", b"time,open\n\xff\xfe\xff,1\n", "save it in UTF-8"),
    "no volume": (
        "x.csv",
        frame().drop("volume").write_csv().encode(),
        "has no column 'volume'; .*; TradingView exports it where the chart shows Volume",
    ),
    "a spreadsheet": ("x.xlsx", b"PK\x03\x04", "x.xlsx is a spreadsheet; save its sheet as .csv"),
    "a picture": ("x.png", b"\x89PNG\r\n", "'.png' is not a format of candles"),
    "bytes": ("x", b"candles\0\0\0", "'' is not a format of candles; the known ones are .csv"),
    "a ZIP of two": ("x.zip", b"PK\x03\x04 and then nothing", "x.zip: the ZIP is damaged"),
    "two units": (
        "x.csv",
        klines().encode() + klines(1_000).encode(),
        "x.csv: open_time in row 240 is .*the unit changes",
    ),
    "finer than a millisecond": (
        "x.csv",
        (klines(1_000)).replace("000000,", "000001,").encode(),
        "finer",
    ),
    "a high below the low": (
        "x.csv",
        frame().rename({"high": "low", "low": "high"}).write_csv().encode(),
        "x.csv: row 0: high .* is below low",
    ),
    "the same minute twice": (
        "x.csv",
        pl.concat([frame(), frame()[5:6]]).write_csv().encode(),
        "x.csv: rows 5 and 240 both open at 2025-01-01T00:05",
    ),
    "numbers written in two ways": (
        "x.csv",
        b"time;open;high;low;close;volume\n2025-01-01 00:00;1,5;2,5;0,5;1,5;10.25\n",
        "x.csv writes numbers as '1,5' and as '10.25'",
    ),
    "times that a spreadsheet rounded": (
        "x.csv",
        lines(PLAIN.replace("{ms}", "1.73569E+12"), "time,open,high,low,close,volume"),
        "holds '1.73569E\\+12', a number that a spreadsheet rounded",
    ),
    "a negative price": (
        "x.csv",
        frame().with_columns(-pl.col("low")).write_csv().encode(),
        "x.csv: low in row 0 is -",
    ),
}


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (("1,5", "65,000", "0,25"), (1.5, 65.0, 0.25)),
        (("1.234,5", "1.234", "12"), (1_234.5, 1_234.0, 12.0)),
        (("1,234.5", "65,000", "12"), (1_234.5, 65_000.0, 12.0)),
        (("1,234,567", "65,000", "3"), (1_234_567.0, 65_000.0, 3.0)),
        (("65,000", "1,234", "500"), (65_000.0, 1_234.0, 500.0)),
        (("1.234", "2.5", "65,000"), (1.234, 2.5, 65_000.0)),
        (("1.234.567", "65,5", "3"), (1_234_567.0, 65.5, 3.0)),
    ],
)
def test_a_comma_is_read_as_the_whole_file_writes_it(
    tmp_path: Path, texts: tuple[str, ...], numbers: tuple[float, ...]
) -> None:
    prices = [
        f"2025-01-01 00:0{n};{text};{text};{text};{text};{text}" for n, text in enumerate(texts)
    ]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["time;open;high;low;close;volume", *prices]) + "\n")
    candles = read_candles(path)
    assert tuple(candles.close) == tuple(candles.volume) == numbers


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_candles_gives_one_sentence(tmp_path: Path, name: str) -> None:
    file, data, words = BAD[name]
    path = tmp_path / file
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as refused:
        read_candles(path)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("scale", [0.0001234, 1.0, 64_123.7, 1e7])
@pytest.mark.parametrize("seed", range(5))
def test_a_float32_does_not_make_a_candle_impossible(
    tmp_path: Path, scale: float, seed: int
) -> None:
    prices = np.random.default_rng(seed).uniform(0.9, 1.1, 240) * scale
    data = frame().with_columns(
        pl.Series("open", prices),
        pl.Series("high", np.maximum(prices, prices[::-1])),
        pl.Series("low", np.minimum(prices, prices[::-1])),
        pl.Series("close", prices[::-1].copy()),
    )
    column = ("open", "high", "low", "close")[seed % 4]
    path = tmp_path / "x.parquet"
    data.with_columns(
        pl.col(column).cast(pl.Float32), pl.col("open_time").cast(pl.Int64)
    ).write_parquet(path)
    assert len(read_candles(path)) == 240


def test_a_header_that_begins_with_a_hash_names_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(
        "# made by hand, prices in USDT\n"
        "# date,close,open,high,low,volume\n"
        "2025-01-01 00:00:00,101,100,102,99,5\n"
    )
    found = read_candles(path)
    (row,) = zip(found.open, found.high, found.low, found.close, found.volume, strict=True)
    assert row == (100.0, 102.0, 99.0, 101.0, 5.0)
