"""`--capital` and `--brackets`: the size of the account decides where leverage is liquidated."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.inputs.margin import margin_of, read_brackets
from tests.cli.backtesting.test_backtest import DAY, HOUR, run
from trading.errors import DataError
from trading.positions.liquidation import MAJOR, brackets_of

ROOT = Path(__file__).parents[3]
TIERS = ((20, 10_000, 0.005), (10, 40_000, 0.03), (5, 100_000, 0.08))


def served(symbol: str) -> dict[str, Any]:
    """:data:`TIERS` as the venue serves them, the highest first."""
    floors = [0, *(cap for _, cap, _ in TIERS)]
    rows = [
        {
            "initialLeverage": leverage,
            "notionalFloor": floor,
            "notionalCap": cap,
            "maintMarginRatio": rate,
            "cum": bracket.cum,
        }
        for (leverage, cap, rate), floor, bracket in zip(
            TIERS, floors[:-1], brackets_of(TIERS), strict=True
        )
    ]
    return {"symbol": symbol, "brackets": rows[::-1]}


@pytest.mark.parametrize("shape", ["list", "one", "instruments"])
def test_brackets_are_read_in_every_form_that_they_are_served_in(tmp_path: Path, shape: str):
    listed = [served("BTCUSDT"), served("ETHUSDT")]
    documents: dict[str, Any] = {
        "list": listed,
        "one": listed[1],
        "instruments": {"leverageBrackets": listed},
    }
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps(documents[shape]))
    assert read_brackets(file, "ETHUSDT") == brackets_of(TIERS)


def test_a_bracket_without_a_cap_has_no_end(tmp_path: Path):
    row = {"notionalFloor": 0, "notionalCap": None, "maintMarginRatio": 0.025}
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps({"symbol": "BTCUSDT", "brackets": [row | {"initialLeverage": 20}]}))
    (only,) = read_brackets(file, "BTCUSDT")
    assert (only.cap, only.rate, only.cum) == (math.inf, 0.025, 0.0)


def test_the_bundled_instruments_have_the_brackets_of_the_venue():
    sample = ROOT / "data_lake" / "sample" / "instruments.json"
    for symbol, count, last in (("BTCUSDT", 12, 421_481_450.0), ("FILUSDT", 9, 6_245_700.0)):
        brackets = read_brackets(sample, symbol)
        assert (len(brackets), brackets[-1].cum) == (count, last)
    assert margin_of(500.0, None, "BTCUSDT").brackets == MAJOR


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read"),
        ("[]", "lists no brackets"),
        (json.dumps([served("A"), served("B")]), "has no ETHUSDT"),
        ('{"symbol": "A", "brackets": [{"notionalFloor": 0}]}', "lacks 'notionalCap'"),
    ],
)
def test_a_file_without_brackets_gives_one_sentence(tmp_path: Path, text: str, sentence: str):
    file = tmp_path / "brackets.json"
    file.write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_brackets(file, "ETHUSDT")


def falling_days(path: Path) -> Path:
    """Write six-hour candles: a breakout entered at 106.5, and a low of 97 after it."""
    rows = [
        (100.0, 105.0, 95.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 99.0, 103.0),
        (103.0, 107.0, 103.0, 106.0),  # crosses 105
        (106.5, 107.0, 97.0, 106.0),
        (106.0, 109.0, 106.0, 108.0),
    ]
    names = ["open", "high", "low", "close"]
    table = {
        "open_time": pa.array(20_000 * DAY + 6 * HOUR * np.arange(8), pa.timestamp("ms", "UTC")),
        **{name: [row[i] for row in rows] for i, name in enumerate(names)},
        "volume": [1.0] * 8,
    }
    pq.write_table(pa.table(table), path)
    return path


def test_a_larger_account_is_liquidated_where_a_smaller_one_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    candles = falling_days(tmp_path / "ANY.parquet")
    brackets, out, kept = (tmp_path / name for name in ("brackets.json", "out.json", "trades"))
    brackets.write_text(json.dumps(served("ANY")))
    # At leverage 10 the venue allows 40,000: the larger account trades no more than that.
    settings = (
        "filters=off",
        "stop_loss=0.08",
        "take_profit=0",
        "leverage=10",
        "liquidation_guard=0",
    )
    options = [text for setting in settings for text in ("--set", setting)]
    reasons, returns = {}, {}
    for capital in ("9000", "100000"):
        command = ("backtest", "--strategy", "breakout", "--candles", str(candles), *options)
        margin = ("--capital", capital, "--brackets", str(brackets))
        assert run(monkeypatch, *command, *margin, "--json", str(out), "--trades", str(kept)) == 0
        assert json.loads(out.read_text())["capital"] == float(capital)
        reasons[capital] = pq.read_table(kept)["reason"].to_pylist()
        (returns[capital],) = pq.read_table(kept)["net_return"].to_pylist()
    assert returns["9000"] == pytest.approx(-0.08 - 0.0005 * 1.92, abs=1e-4)
    # The margin is lost, a tenth of 40,000, and fees on about twice 40,000.
    assert returns["100000"] == pytest.approx(-0.04 - 0.0005 * 0.4 * 1.9, abs=1e-5)
    assert reasons == {"9000": ["stop_loss"], "100000": ["liquidation"]}


def test_an_account_without_money_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    candles = falling_days(tmp_path / "ANY.parquet")
    command = ("backtest", "--strategy", "breakout", "--candles", str(candles), "--capital", "0")
    assert run(monkeypatch, *command) == 2
    assert "capital = 0 is out of bounds" in capsys.readouterr().err
