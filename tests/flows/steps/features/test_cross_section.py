"""The universe of a day knows only the day before; no symbol that comes or goes moves another."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features, relative_names
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import SplitSettings
from flows.steps.models.train import train
from lake.store import Lake
from lake.tables import FEATURES, RELATIVE, UNIVERSE
from tests.flows.candle_lake import put_checked, sample_minutes
from tests.flows.sample import lake_state
from trading.candles import DAY_MS, MINUTE_MS

START = datetime(2025, 5, 28, tzinfo=UTC)
END = datetime(2025, 6, 3, tzinfo=UTC)
DAY = timedelta(days=1)
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
MANY = (*SYMBOLS, "DUSDT", "EUSDT")


def put(lake: Lake, symbol: str, place: int, first: datetime = START, last: datetime = END) -> None:
    """Write real minutes under another name: BTCUSDT some days earlier, at another volume."""
    shift = timedelta(days=place)
    data = sample_minutes("BTCUSDT", first - shift, last - shift)
    times = pc.add(data["open_time"].cast(pa.int64()), place * DAY_MS)
    data = data.set_column(0, "open_time", times.cast(data["open_time"].type))
    index = data.column_names.index("volume")
    data = data.set_column(index, "volume", pc.multiply(data["volume"], 10.0**-place))
    put_checked(lake, symbol, data)


def build(lake: Lake, symbols: tuple[str, ...], until: datetime = END) -> tuple[int, int]:
    """Build everything; return how many partitions of features and of comparisons were written."""
    build_bars(lake, as_of=until, symbols=symbols)
    own = build_features(lake, as_of=until, symbols=symbols)
    build_universe(lake, as_of=until)
    return own.written, build_relative(lake, as_of=until, symbols=symbols).written


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for place, symbol in enumerate(SYMBOLS):
        put(lake, symbol, place)
    build(lake, SYMBOLS)
    return lake


@pytest.fixture
def copied(built: Lake, tmp_path: Path) -> Lake:
    """Return a copy of the built lake that a test may change."""
    shutil.copytree(built.root, tmp_path / "copy")
    return Lake(tmp_path / "copy")


def at(lake: Lake, symbol: str, moment: datetime, name: str) -> float:
    """Return one feature of the bar that opens at ``moment``."""
    table = RELATIVE if name in relative_names() else FEATURES
    rows = lake.read(table, symbol=symbol)
    row = rows.filter(pc.equal(rows["open_time"], pa.scalar(moment)))
    value = row[name][0].as_py()
    return float("nan") if value is None else float(value)


def test_the_universe_of_a_day_is_what_traded_on_the_day_before(built: Lake) -> None:
    rows = built.read(UNIVERSE, as_of=START + 2 * DAY).to_pylist()
    assert [(row["day_start"], row["symbol"], row["place"]) for row in rows] == [
        (START + n * DAY, symbol, place + 1) for n in (1, 2) for place, symbol in enumerate(SYMBOLS)
    ]
    minutes = sample_minutes("BTCUSDT", START, START + DAY)
    turnover = float(pc.sum(pc.multiply(minutes["close"], minutes["volume"])).as_py())
    assert rows[0]["quote_volume"] == pytest.approx(turnover, rel=1e-3)


def test_the_same_bars_are_not_asked_twice_for_the_days_that_have_no_universe(
    copied: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted() -> NoReturn:
        raise AssertionError("a query was run")

    monkeypatch.setattr("flows.steps.features.cross_section.connect", unwanted)
    assert build_universe(copied, as_of=END).written == 0
    put(copied, "DUSDT", 3)
    build_bars(copied, as_of=END, symbols=("DUSDT",))
    with pytest.raises(AssertionError, match="a query was run"):
        build_universe(copied, as_of=END)


def test_only_the_most_traded_are_members(copied: Lake) -> None:
    shutil.rmtree(copied.root / "features" / "universe")
    build_universe(copied, as_of=END, size=2)
    assert set(copied.read(UNIVERSE)["symbol"].to_pylist()) == {"AUSDT", "BUSDT"}
    build_relative(copied, as_of=END, symbols=SYMBOLS)
    moment = START + 3 * DAY + timedelta(hours=7)
    mean = np.mean([at(copied, symbol, moment, "ret_4") for symbol in ("AUSDT", "BUSDT")])
    assert at(copied, "CUSDT", moment, "market_ret_4") == pytest.approx(float(mean), rel=1e-12)


def test_a_symbol_is_ranked_among_the_members_of_the_day(built: Lake) -> None:
    moment = START + 3 * DAY + timedelta(hours=7)
    returns = {symbol: at(built, symbol, moment, "ret_4") for symbol in SYMBOLS}
    order = sorted(SYMBOLS, key=lambda symbol: returns[symbol])
    ranks = [at(built, symbol, moment, "rank_ret_4") for symbol in order]
    assert ranks == [0.0, 0.5, 1.0]
    excess = at(built, "AUSDT", moment, "excess_ret_4")
    assert excess == pytest.approx(returns["AUSDT"] - np.mean(list(returns.values())), rel=1e-9)


def test_before_the_first_universe_nothing_is_compared(built: Lake) -> None:
    assert np.isnan(at(built, "AUSDT", START + timedelta(hours=9), "market_ret_4"))


def test_beta_is_the_slope_of_a_day_on_the_market(built: Lake) -> None:
    last = START + 4 * DAY
    rows = built.read(FEATURES, symbol="BUSDT")
    since = pc.greater(rows["open_time"], pa.scalar(last - DAY))
    inside = pc.and_(since, pc.less_equal(rows["open_time"], pa.scalar(last)))
    own = rows.filter(inside)["ret_1"].to_numpy()
    compared = built.read(RELATIVE, symbol="BUSDT")
    market = compared.filter(inside)["market_ret_1"].to_numpy()
    assert len(own) == DAY_MS // (15 * MINUTE_MS)
    slope = np.cov(own, market)[0, 1] / np.var(market, ddof=1)
    assert at(built, "BUSDT", last, "beta_96") == pytest.approx(slope, rel=1e-9)


def test_a_symbol_that_leaves_changes_nothing_of_the_others(copied: Lake) -> None:
    assert build(copied, ("AUSDT", "BUSDT")) == (0, 0)


DROPPED = tuple(left for count in range(1, len(MANY)) for left in combinations(MANY, count))
"""All ways in which some of five symbols leave: 30."""


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake of five symbols over two days, each at another volume."""
    lake = Lake(tmp_path_factory.mktemp("five"))
    for place, symbol in enumerate(MANY):
        put(lake, symbol, place % 3, last=START + 2 * DAY)
    build(lake, MANY, START + 2 * DAY)
    return lake


@pytest.mark.parametrize("left", DROPPED, ids="-".join)
def test_whichever_symbols_leave_nothing_of_the_others_is_built_again(
    five: Lake, left: tuple[str, ...]
) -> None:
    before = lake_state(five.root)
    assert build(five, left, START + 2 * DAY) == (0, 0)
    assert lake_state(five.root) == before


def test_a_symbol_that_comes_changes_nothing_of_the_others(built: Lake, copied: Lake) -> None:
    settings = TrainSettings(split=SplitSettings(train_days=1, test_days=1))
    symbols = ["AUSDT", "BUSDT"]
    before = train(copied, as_of=END, symbols=symbols, settings=settings)
    put(copied, "DUSDT", 3)
    assert build(copied, (*SYMBOLS, "DUSDT")) == (2, 2)
    for symbol in SYMBOLS:
        rows = copied.read(RELATIVE, symbol=symbol)
        assert rows.equals(built.read(RELATIVE, symbol=symbol))
    again = train(copied, as_of=END, symbols=symbols, settings=settings)
    assert again.skipped == ("AUSDT", "BUSDT")
    assert again.files == before.files
    assert np.isfinite(at(copied, "DUSDT", END - DAY, "rank_ret_4"))


def test_a_symbol_that_is_delisted_stays_in_the_days_on_which_it_traded(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "AUSDT", 0)
    put(lake, "BUSDT", 1, last=START + 2 * DAY)
    build(lake, ("AUSDT", "BUSDT"))
    members: dict[datetime, list[str]] = {}
    for row in lake.read(UNIVERSE).to_pylist():
        members.setdefault(row["day_start"], []).append(row["symbol"])
    assert members[START + 2 * DAY] == ["AUSDT", "BUSDT"]
    assert members[START + 3 * DAY] == ["AUSDT"]


def test_the_next_day_adds_its_universe_and_keeps_the_earlier_ones(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "AUSDT", 0)
    build(lake, ("AUSDT",), START + 3 * DAY)
    before = lake.read(UNIVERSE).to_pylist()
    put(lake, "BUSDT", 1)
    build(lake, ("AUSDT", "BUSDT"))
    after = lake.read(UNIVERSE).to_pylist()
    assert after[: len(before)] == before
    assert {row["symbol"] for row in after if row["day_start"] == END} == {"AUSDT", "BUSDT"}
