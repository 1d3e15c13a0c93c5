"""Tasks 2, 3 and 5: back-test from the lake, understand the result, and wait little for it."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import pytest

from flows.settings import ResearchSettings
from lake.store import Lake
from tests.first_hour import market
from tests.first_hour.terminal import COLUMNS, Said, at_terminal, piped
from tests.flows.candle_lake import put_checked, put_funding, sample_minutes

WORDS = ["backtest", "--strategy", "breakout", "--symbol", "BTCUSDT", *market.QUICK]
SPAN = ["--from", "2025-05-10", "--to", "2025-05-18"]
PLAIN = {"NOCTURNE_COMPILE": "never"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lake of twelve days where commands look for one."""
    place = tmp_path_factory.mktemp("lake")
    lake = Lake(place / "data_lake")
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", market.FIRST, market.LAST))
    put_funding(lake, "BTCUSDT")
    return place


@pytest.fixture(scope="module")
def shown(folder: Path) -> Said:
    """The result as a terminal of 100 columns shows it."""
    said = at_terminal([*WORDS, *SPAN], folder, **PLAIN)
    assert said.status == 0, said.text
    return said


def test_a_symbol_of_the_lake_is_traded_between_two_days(folder: Path) -> None:
    said = piped([*WORDS, *SPAN, "--lake", "data_lake", "--json", "-"], folder, **PLAIN)
    assert said.status == 0, said.errors
    document = json.loads(said.text)
    assert document["summary"]["from"] == "2025-05-10T00:00Z"
    assert document["summary"]["to"] == "2025-05-18T00:00Z"
    assert document["summary"]["candles"] == 8 * 1440
    assert document["results"][0]["trades"] > 0


def test_a_venue_chooses_the_candles_and_an_unknown_one_names_those_that_exist(
    folder: Path,
) -> None:
    document = json.loads(
        piped([*WORDS, *SPAN, "--venue", "binance_usdm", "--json", "-"], folder, **PLAIN).text
    )
    assert document["results"][0]["trades"] > 0
    other = piped([*WORDS, "--venue", "upbit"], folder)
    assert other.status == 2
    assert "upbit" in other.errors
    wrong = piped([*WORDS, "--venue", "binanse"], folder)
    assert wrong.status == 2
    assert "binance_usdm" in wrong.errors
    assert len(wrong.errors.splitlines()) == 1


def test_a_symbol_that_the_lake_lacks_names_the_next_step(folder: Path) -> None:
    words = ["backtest", "--strategy", "breakout", "--symbol", "MOONUSDT"]
    said = piped(words, folder)
    assert said.status == 2
    assert "nocturne download" in said.errors
    assert len(said.errors.splitlines()) == 1


def test_candles_that_were_imported_and_not_checked_name_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    market.minutes().write_parquet(tmp_path / "own" / "BTCUSDT.parquet")
    assert piped(["import", "folder", "own"], tmp_path).status == 0
    said = piped(["backtest", "--strategy", "breakout", "--symbol", "BTCUSDT"], tmp_path)
    assert said.status == 2
    assert "nocturne flow validate" in said.errors
    assert len(said.errors.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        "period        2025-05-10 00:00 to 2025-05-18 00:00 UTC, 11,520 candles of 1m",
        "signals on 1h candles",
        "gaps          0 crossed, 0 candles missing",
        "costs         fee 5 bp, slippage 1 bp, funding: lake",
        "balance       10,000.00 -> ",
        "buy and hold",
        "max_drawdown",
        "win_rate",
        "trades",
        "mean return",
        "day end",
        "2025-05",
    ],
)
def test_the_result_says(words: str, shown: Said) -> None:
    assert words in shown.text


def test_the_result_fits_a_terminal_of_100_columns(shown: Said) -> None:
    last = shown.text[shown.text.index("strategy ") :]
    assert max(len(line) for line in last.splitlines()) <= COLUMNS


def test_the_same_words_give_the_same_result_from_file_and_lake(folder: Path) -> None:
    market.minutes().write_parquet(folder / "BTCUSDT.parquet")
    common = ["backtest", "--strategy", "breakout", *market.QUICK, *SPAN, "--json", "-"]
    found = []
    for place in (["--symbol", "BTCUSDT"], ["--candles", "BTCUSDT.parquet"]):
        (result,) = json.loads(piped([*common, *place], folder, **PLAIN).text)["results"]
        found.append((result["trades"], result["win_rate"]))
    assert found[0] == found[1]


def test_defaults_are_those_of_the_night(folder: Path) -> None:
    said = piped([*WORDS, "--json", "-"], folder, **PLAIN)
    document, night = json.loads(said.text), ResearchSettings()
    assert document["fee_bps"] == night.fee_bps
    assert document["slippage_bps"] == night.slippage_bps
    assert document["capital"] == night.capital
    assert document["funding"] == "lake"


def test_progress_is_drawn_on_a_terminal_and_spoils_no_json(folder: Path) -> None:
    words = ["search", "--strategy", "breakout", "--symbol", "BTCUSDT", *market.QUICK[:2]]
    words += ["--grid", "k=0.3:0.5:0.1"]
    drawn = at_terminal([*words, "--top", "1"], folder, **PLAIN)
    assert "searching ━" in drawn.text
    assert "3/3" in drawn.text
    quiet = piped([*words, "--json", "-"], folder, **PLAIN)
    assert len(json.loads(quiet.text)["results"]) == 3
    assert "\x1b" not in quiet.errors
    assert "━" not in quiet.errors


def processor_seconds(words: list[str], folder: Path, **variables: str) -> tuple[Said, float]:
    """Run a command; return the processor's time too, which other work hardly changes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = piped(words, folder, **variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strategy", ["breakout", "ict_mixed", "surge", "wave"])
def test_the_first_answer_takes_at_most_four_times_a_warm_one(
    strategy: str, tmp_path: Path
) -> None:
    """By the processor's time; the first one has no cache at all, so it starts no compiler.

    A core whose twin is busy takes up to half as long again: slow is what is slow five times.
    """
    words = ["backtest", "--strategy", strategy, "--candles", str(market.FILE)]
    (tmp_path / "none").write_text("not a folder")
    uncached = {"NOCTURNE_CACHE": str(tmp_path / "none")}
    prepared = piped(words, tmp_path, timeout=600, NOCTURNE_COMPILE="now")
    cold, warm = [], []
    for _ in range(5):
        first, seconds = processor_seconds(words, tmp_path, **uncached)
        assert first.status == 0, first.errors
        assert prepared.text == first.text
        cold.append(seconds)
        said, seconds = processor_seconds(words, tmp_path)
        assert said.errors == ""
        warm.append(seconds)
        if min(cold) <= 4 * min(warm):
            break
    assert min(cold) <= 4 * min(warm)


@pytest.mark.slow
def test_what_is_compiled_is_said_once_and_kept_for_make_and_plain_use(tmp_path: Path) -> None:
    hourly = market.minutes().gather_every(60)
    hourly.write_parquet(tmp_path / "mine.parquet")
    words = ["backtest", "--strategy", "wave", "--candles", "mine.parquet"]
    cache = {"NOCTURNE_CACHE": str(tmp_path / "cache")}
    first = piped(words, tmp_path, **cache)
    assert first.status == 0
    assert first.errors == (
        "first use: running uncompiled, and compiling in the background for the next run\n"
    )
    deadline = time.monotonic() + 100
    while piped(words, tmp_path, **cache).errors:
        assert time.monotonic() < deadline
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert "NOCTURNE_CACHE" not in makefile
