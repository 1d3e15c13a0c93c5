"""`nocturne backtest` and `nocturne search` take every strategy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.main import main
from trading.strategies.registry import strategy_names

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*strategy_names(), "maker", "ensemble"])
def test_backtest_and_search_agree_on_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candles = tmp_path / "candles.parquet"
    pq.write_table(pq.read_table(SAMPLE).slice(0, 5_000), candles)
    # The emergency stop of `surge` must be wider than its widest stop.
    axis = {"surge": "half_close", "ensemble": "least"}.get(name, "emergency_stop")
    low, high = "0.05", "0.1"
    common = ("--strategy", name, "--candles", str(candles))
    out = tmp_path / "out.json"
    assert (
        run(monkeypatch, "search", *common, "--grid", f"{axis}={low},{high}", "--json", str(out))
        == 0
    )
    searched = json.loads(out.read_text())["results"]
    for place, value in enumerate((low, high)):
        assert (
            run(monkeypatch, "backtest", *common, "--set", f"{axis}={value}", "--json", str(out))
            == 0
        )
        (alone,) = json.loads(out.read_text())["results"]
        assert searched[place]["params"][axis] == float(value)
        measures = {key: number for key, number in searched[place].items() if key != "params"}
        assert {key: alone[key] for key in measures} == measures
