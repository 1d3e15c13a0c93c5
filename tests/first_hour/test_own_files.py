"""Task 1: back-test a file that one has already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.first_hour import market
from tests.first_hour.terminal import piped


def result(file: Path, folder: Path) -> dict[str, object]:
    """Return the measures of a back-test over ``file``."""
    words = ["backtest", "--strategy", "breakout", "--candles", str(file), *market.QUICK]
    said = piped([*words, "--json", "-"], folder, NOCTURNE_COMPILE="never")
    assert said.status == 0, said.errors
    (found,) = json.loads(said.text)["results"]
    return {name: found[name] for name in ("total_return", "trades", "sharpe", "max_drawdown")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The result over the same candles in the project's own format."""
    folder = tmp_path_factory.mktemp("own")
    market.minutes().write_parquet(folder / "BTCUSDT.parquet")
    found = result(folder / "BTCUSDT.parquet", folder)
    assert found["trades"] == 3
    return found


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda folder: market.binance(folder, header=True), id="Binance, header"),
        pytest.param(lambda folder: market.binance(folder, header=False), id="Binance, none"),
        pytest.param(lambda folder: market.freqtrade(folder, "feather"), id="freqtrade feather"),
        pytest.param(lambda folder: market.freqtrade(folder, "json"), id="freqtrade JSON"),
        pytest.param(lambda folder: market.freqtrade(folder, "parquet"), id="freqtrade Parquet"),
        pytest.param(market.tradingview, id="TradingView"),
    ],
)
def test_a_file_of_another_program_gives_the_result_of_its_candles(
    written: Callable[[Path], Path], expected: dict[str, object], tmp_path: Path
) -> None:
    assert result(written(tmp_path), tmp_path) == expected


def test_unknown_columns_are_refused_in_one_sentence_that_names_the_formats(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("when,price\n2025-05-06,100\n")
    said = piped(["backtest", "--strategy", "breakout", "--candles", "odd.csv"], tmp_path)
    assert said.status == 2
    assert len(said.errors.splitlines()) == 1
    for word in ("odd.csv", "Binance", "freqtrade", "TradingView", "when, price"):
        assert word in said.errors


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trade"], "here it is 'nocturne executor run'"),
        (["hyperopt"], "here it is 'nocturne search'"),
        (["backtest", "--timerange", "20250501-"], "here it is --from DAY and --to DAY"),
        (["backtest", "--timeframe", "1h"], "here it is --set signal_tf=1h"),
    ],
)
def test_a_word_of_freqtrade_names_the_one_of_nocturne(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    said = piped(words, tmp_path)
    assert said.status == 2
    assert sentence in said.errors
    assert len(said.errors.splitlines()) == 1
