"""`nocturne search`: the real command on the bundled candles and on small hand-made files."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import main
from trading.candles import DAY_MS, HOUR_MS

START = 20_000 * DAY_MS


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def write_candles(path: Path, **changes: Any) -> Path:
    """Write four days of hourly candles that break out; None leaves a column out."""
    steps = np.random.default_rng(3).normal(0, 0.01, 96)
    close = 100 * np.exp(np.cumsum(steps))
    first = np.concatenate(([100.0], close[:-1]))
    columns: dict[str, Any] = {
        "open_time": pa.array(START + HOUR_MS * np.arange(96), pa.timestamp("ms", "UTC")),
        "open": first,
        "high": np.maximum(first, close) * 1.002,
        "low": np.minimum(first, close) * 0.998,
        "close": close,
        "volume": np.full(96, 5.0),
        **changes,
    }
    pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), path)
    return path


def search(monkeypatch: pytest.MonkeyPatch, candles: Path, out: Path, *more: str) -> dict[str, Any]:
    """Return the JSON document of a search over k."""
    status = run(
        monkeypatch,
        *("search", "--strategy", "breakout", "--candles", str(candles), "--json", str(out)),
        *("--set", "filters=off", *more),
    )
    assert status == 0
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def test_a_search_over_missing_candles_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_candles(tmp_path / "whole.parquet")
    table = pq.read_table(whole)
    holes = tmp_path / "holes.parquet"
    pq.write_table(pa.concat_tables([table[:30], table[33:50], table[51:]]), holes)
    document = search(monkeypatch, holes, tmp_path / "out.json", "--grid", "k=0.3,0.4")
    assert (document["gaps"], document["missing_candles"]) == (2, 4)
    assert "4 candles are missing in 2 places in the window" in capsys.readouterr().err
    document = search(monkeypatch, whole, tmp_path / "out.json", "--grid", "k=0.3,0.4")
    assert (document["gaps"], document["missing_candles"]) == (0, 0)
    assert "missing" not in capsys.readouterr().err


class TestResults:
    def test_the_document_has_the_agreed_shape(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.json"
        candles = write_candles(tmp_path / "candles.parquet")
        document = search(
            monkeypatch, candles, out, "--grid", "k=0.3:0.4:0.05", "--grid", "stop_loss=0.01,0.02"
        )
        for name in ("seconds_load", "seconds_compile", "seconds_search"):
            assert document[name] >= 0
        assert [result["params"] for result in document["results"]] == [
            {"k": k, "stop_loss": stop, "filters": "off"}
            for k in (0.3, 0.35, 0.4)
            for stop in (0.01, 0.02)
        ]
        assert '"k": 0.35,' in out.read_text()
        assert {"total_return", "trades", "win_rate", "max_drawdown", "sharpe"} <= set(
            document["results"][0]
        )
        assert document["results"][0]["trades"] > 0

    def test_dash_writes_the_document_alone_to_standard_output(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        candles = str(write_candles(tmp_path / "candles.parquet"))
        grid = ("--grid", "k=0.3", "--json", "-")
        assert (
            run(monkeypatch, "search", "--strategy", "breakout", "--candles", candles, *grid) == 0
        )
        printed = capsys.readouterr()
        assert len(json.loads(printed.out)["results"]) == 1
        assert "searching 1 combinations over 96 candles" in printed.err

    def test_the_table_is_sorted_and_cut(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        out = tmp_path / "out.json"
        candles = write_candles(tmp_path / "candles.parquet")
        grid = ("--grid", "k=0.1:0.9:0.1", "--top", "3", "--sort", "max_drawdown")
        document = search(monkeypatch, candles, out, *grid)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:2] == ["k", "total_return"]
        best = sorted(document["results"], key=lambda result: result["max_drawdown"])[:3]
        assert [float(line.split()[0]) for line in lines[2:]] == [b["params"]["k"] for b in best]

    def test_signals_are_evaluated_on_every_candle_by_default(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.json"
        candles = write_candles(tmp_path / "candles.parquet")
        grid = ("--grid", "k=0.1:0.9:0.1")
        default = search(monkeypatch, candles, out, *grid)
        same = search(monkeypatch, candles, out, *grid, "--set", "signal_tf=1h")
        slower = search(monkeypatch, candles, out, *grid, "--set", "signal_tf=4h")
        measures = [
            [(r["total_return"], r["trades"]) for r in document["results"]]
            for document in (default, same, slower)
        ]
        assert measures[0] == measures[1] != measures[2]
        assert slower["results"][0]["params"]["signal_tf"] == "4h"

    def test_the_return_is_higher_without_a_fee(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.json"
        candles = write_candles(tmp_path / "candles.parquet")
        grid = ("--grid", "k=0.3")
        (default,) = search(monkeypatch, candles, out, *grid)["results"]
        (five,) = search(monkeypatch, candles, out, *grid, "--fee-bps", "5")["results"]
        (free,) = search(monkeypatch, candles, out, *grid, "--fee-bps", "0")["results"]
        assert default == five
        growth = ((1 + 0.0005) / (1 - 0.0005)) ** free["trades"]
        assert 1 + free["total_return"] == pytest.approx((1 + five["total_return"]) * growth)


class TestCandleFiles:
    """The same candles give the same results, however they are written."""

    TIMES = START + HOUR_MS * np.arange(96)

    @pytest.mark.parametrize(
        "open_time",
        [
            pa.array(TIMES, pa.int64()),
            pa.array(TIMES, pa.timestamp("ms")),
            pa.array(TIMES * 1_000_000, pa.timestamp("ns", "Asia/Seoul")),
            pa.array(TIMES // 1_000, pa.timestamp("s", "UTC")),
        ],
        ids=["int64", "naive", "zoned", "seconds"],
    )
    def test_times_may_be_written_in_any_usual_way(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_time: pa.Array
    ) -> None:
        out = tmp_path / "out.json"
        plain = write_candles(tmp_path / "plain.parquet")
        other = write_candles(tmp_path / "other.parquet", open_time=open_time)
        grid = ("--grid", "k=0.3,0.5")
        expected = search(monkeypatch, plain, out, *grid)["results"]
        assert search(monkeypatch, other, out, *grid)["results"] == expected

    def test_rows_may_come_in_any_order(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.json"
        plain = write_candles(tmp_path / "plain.parquet")
        table = pq.read_table(plain)
        mixed = tmp_path / "month=2024-10" / "mixed.parquet"
        mixed.parent.mkdir()
        pq.write_table(table.take(np.random.default_rng(1).permutation(96)), mixed)
        grid = ("--grid", "k=0.3,0.5")
        expected = search(monkeypatch, plain, out, *grid)["results"]
        assert search(monkeypatch, mixed, out, *grid)["results"] == expected

    def test_other_number_types_and_columns_are_fine(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.json"
        plain = write_candles(tmp_path / "plain.parquet")
        other = write_candles(
            tmp_path / "other.parquet", volume=pa.array([5] * 96, pa.int32()), note=["x"] * 96
        )
        grid = ("--grid", "k=0.3")
        expected = search(monkeypatch, plain, out, *grid)["results"]
        assert search(monkeypatch, other, out, *grid)["results"] == expected


def put(values: Any, row: int, value: Any) -> list[Any]:
    """Return a column with one value replaced."""
    changed = list(values)
    changed[row] = value
    return changed


PRICES = [100.0] * 96
TIMES = (START + HOUR_MS * np.arange(96)).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"volume": None}, "has no column 'volume'; give Binance's twelve columns"),
        ({"open_time": ["2025"] * 96}, "column 'open_time' holds '2025', which is no time"),
        ({"high": [b"1"] * 96}, "column 'high' is Binary; numbers are needed"),
        ({"high": ["1"] * 5 + ["x"] * 91}, "column 'high' has no value in row 5"),
        ({"open_time": put(TIMES, 7, TIMES[6])}, "rows 6 and 7 both open at 2024-10-04T06:00:00"),
        ({"open_time": put(TIMES, 7, -1)}, "open_time in row 7 is -1, in row 0 1728000000000"),
        ({"open_time": [t // 100_000 for t in TIMES]}, "since 1970"),
        (
            {"open_time": pa.array([t * 1000 + 1 for t in TIMES], pa.timestamp("us"))},
            "holds times finer than a millisecond",
        ),
        ({"open_time": put(TIMES, 3, None)}, "column 'open_time' has no value in row 3"),
        ({"close": put(PRICES, 5, math.nan)}, "close in row 5 is nan; a price above 0 is needed"),
        ({"low": put(PRICES, 5, 0.0)}, "low in row 5 is 0.0; a price above 0 is needed"),
        ({"high": put(PRICES, 5, math.inf)}, "high in row 5 is inf; a price above 0 is needed"),
        ({"open": put(PRICES, 5, -3.0)}, "open in row 5 is -3.0; a price above 0 is needed"),
        ({"open": put(PRICES, 5, None)}, "column 'open' has no value in row 5"),
        ({"volume": put(PRICES, 5, -1.0)}, "volume in row 5 is -1.0; a volume of 0 or more"),
    ],
)
def test_a_bad_candle_file_is_refused_with_row_and_value(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    message: str,
) -> None:
    candles = str(write_candles(tmp_path / "bad.parquet", **changes))
    arguments = ("--strategy", "breakout", "--candles", candles, "--grid", "k=0.5")
    assert run(monkeypatch, "search", *arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith(f"error: {candles}")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--strategy": "moon"}, "strategy 'moon' is not known; known are "),
        ({"--candles": "absent.parquet"}, "absent.parquet does not exist"),
        ({"--candles": "."}, ". is not a file"),
        ({"--candles": "text.parquet"}, "text.parquet cannot be read as Parquet"),
        ({"--candles": "empty.parquet"}, "empty.parquet has no rows"),
        ({"--grid": "k=0.8:0.3:0.1"}, "runs from 0.8 down to 0.3"),
        ({"--grid": "k=0.3:0.8:0"}, "has the step 0"),
        ({"--grid": "k=0.5:2.5:0.5"}, "k = 2.5 is out of bounds"),
        ({"--grid": "q=1"}, "breakout has no parameter 'q'"),
        ({"--grid": "k=0:2:1e-7"}, "20,000,001 combinations"),
        ({"--set": "k"}, "--set 'k' has no value"),
        ({"--set": "stop_loss=2"}, "stop_loss = 2 is out of bounds"),
        ({"--set": "q=2"}, "breakout has no parameter 'q'"),
        ({"--set": "filters=maybe"}, "filters = 'maybe' is not one of on, off"),
        ({"--set": "k=0.4"}, "k is given by --grid and by --set"),
        ({"--fee-bps": "-1"}, "fee_bps = -1.0 is out of bounds"),
        ({"--sort": "luck"}, "--sort 'luck' is not a measure; measures are total_return"),
        ({"--json": "."}, "--json . is a folder"),
        ({"--json": "no/out.json"}, "folder no does not exist"),
    ],
)
def test_a_mistake_on_the_command_line_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_candles(Path("good.parquet"))
    Path("text.parquet").write_text("open_time,open\n")
    pq.write_table(pq.read_table("good.parquet").slice(0, 0), "empty.parquet")
    usual = {"--strategy": "breakout", "--candles": "good.parquet", "--grid": "k=0.5"}
    options = [text for option in {**usual, **arguments}.items() for text in option]
    assert run(monkeypatch, "search", *options) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1


def test_the_installed_command_ends_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("nocturne")
    arguments = ["search", "--strategy", "breakout", "--candles", "absent.parquet", "--grid", "k=1"]
    ended = subprocess.run(
        [command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        "error: candle file absent.parquet does not exist; give a file of candles\n"
    )


def test_the_first_use_on_a_machine_says_that_it_compiles(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from cli.backtesting.results import enable_compiling; enable_compiling()",
        ],
        env={**os.environ, "NOCTURNE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr.startswith(f"compiling for this machine, once (kept in {cache}")


def test_help_shows_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "search", "--help") == 0
    assert "Example: nocturne search --strategy breakout" in capsys.readouterr().out
