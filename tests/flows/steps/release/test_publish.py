"""What goes into a release, what retuning K may change, and what the universe consists of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from flows.steps.release import retune_k
from flows.steps.release.publish import LeftOutReason, TrainedModels, publish
from flows.steps.release.retune_k import RetunedK, allowed_k, publish_k
from flows.steps.release.universe import UniverseMember, scan
from flows.steps.search.optimize import OptimizeEntry, released_params
from lake.releases import FlowRun, NewFile, StrategyEntry, read_current, read_release
from lake.store import Lake
from lake.tables import CANDLES, RAW_CANDLES
from tests.flows.sample import AS_OF
from trading.errors import DataError
from trading.research.gates import GateVerdict

RUN = FlowRun(id="run-1", name="quick-fox")
HOUR = timedelta(hours=1)
PASSED = GateVerdict("trades", passed=True, value=40.0, threshold=30.0, text="40 trades")
FAILED = GateVerdict("trades", passed=False, value=4.0, threshold=30.0, text="4 trades")


def candles(minutes: int, volume: float, quote_volume: float | None) -> pa.Table:
    """Return candles of the last minutes before `AS_OF`, all at 100."""
    times = [AS_OF - timedelta(minutes=minutes - n) for n in range(minutes)]
    prices = {name: [100.0] * minutes for name in ("open", "high", "low", "close")}
    return pa.table(
        {
            "open_time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            **prices,
            "volume": [volume] * minutes,
            "gap_before": [0] * minutes,
            "quote_volume": pa.array([quote_volume] * minutes, pa.float64()),
        }
    )


def write(lake: Lake, symbol: str, data: pa.Table) -> None:
    """Write the same rows as raw and as checked candles."""
    where = {"venue": "binance_usdm", "symbol": symbol, "interval": "1m", "month": "2025-06"}
    lake.write(CANDLES, data, **where)
    lake.write(RAW_CANDLES, data.drop_columns(["gap_before"]), **where)


def entry(symbol: str, *, k: float = 0.5, verdict: GateVerdict = PASSED) -> StrategyEntry:
    """Return a breakout entry whose plateau of K is 0.4 to 0.6."""
    return StrategyEntry(
        strategy="breakout",
        symbol=symbol,
        params={"k": k, "signal_tf": "15m"},
        in_sample={"approved_k_low": 0.4, "approved_k_high": 0.6},
        verdicts=(verdict,),
        proven=verdict.passed,
    )


def found(lake: Lake, entry: StrategyEntry) -> OptimizeEntry:
    """Return a search result that read the symbol's checked candles."""
    read = lake.fingerprint(CANDLES, AS_OF, symbol=entry.symbol)
    return OptimizeEntry(entry, "run", trials=3, effective_trials=2.0, fingerprint=read)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake of two symbols with 90 minutes each."""
    lake = Lake(tmp_path)
    write(lake, "BTCUSDT", candles(90, 2.0, 250.0))
    write(lake, "ETHUSDT", candles(90, 3.0, None))
    return lake


def publish_entries(
    lake: Lake, *entries: StrategyEntry, trained: tuple[TrainedModels, ...] = ()
) -> str:
    """Publish and return the release id."""
    return publish(
        lake,
        as_of=AS_OF,
        now=AS_OF,
        entries=[found(lake, item) for item in entries],
        trained=trained,
        left_out=[LeftOutReason("FILUSDT", "3 rows are bad")],
        flow_run=RUN,
    ).release_id


def test_a_release_holds_parameters_models_left_out_symbols_and_all_partitions_read(
    lake: Lake,
) -> None:
    read = lake.fingerprint(CANDLES, AS_OF, symbol="ETHUSDT")
    model = TrainedModels("ETHUSDT", "a model", (NewFile("models/m.txt", "model", b"tree"),), read)
    release_id = publish_entries(lake, entry("BTCUSDT"), trained=(model,))
    release = read_release(lake.published, release_id)
    assert [(e.strategy, e.symbol, e.params["k"]) for e in release.strategies] == [
        ("breakout", "BTCUSDT", 0.5)
    ]
    assert [(item.symbol, item.reason) for item in release.left_out] == [
        ("FILUSDT", "3 rows are bad")
    ]
    assert (release.folder / "models/m.txt").read_bytes() == b"tree"
    assert [(ref.layer, ref.partition["symbol"]) for ref in release.fingerprint] == [
        ("checked", "BTCUSDT"),
        ("checked", "ETHUSDT"),
        ("raw", "BTCUSDT"),
        ("raw", "ETHUSDT"),
    ]


def test_one_unproven_strategy_makes_the_release_unproven(lake: Lake) -> None:
    result = publish(
        lake,
        as_of=AS_OF,
        now=AS_OF,
        entries=[found(lake, entry("BTCUSDT")), found(lake, entry("ETHUSDT", verdict=FAILED))],
        trained=(),
        left_out=(),
        flow_run=RUN,
    )
    assert not result.proven
    assert "unproven: for replay and paper, refused in live" in result.sentence


def test_the_same_content_published_by_another_run_is_the_same_release(lake: Lake) -> None:
    first = publish_entries(lake, entry("BTCUSDT"))
    again = publish(
        lake,
        as_of=AS_OF,
        now=AS_OF + HOUR,
        entries=[found(lake, entry("BTCUSDT"))],
        trained=(),
        left_out=[LeftOutReason("FILUSDT", "3 rows are bad")],
        flow_run=FlowRun(id="run-2", name="slow-snail"),
    )
    assert again.release_id == first
    assert again.reason.startswith("unchanged")


def test_without_any_result_nothing_is_published(lake: Lake) -> None:
    with pytest.raises(DataError, match="nothing to publish"):
        publish_entries(lake)


def test_a_nightly_is_compared_with_the_previous_release_never_with_itself(
    lake: Lake,
) -> None:
    publish_entries(lake, entry("BTCUSDT", k=0.45))
    assert released_params(lake, "breakout", "BTCUSDT", AS_OF) is None
    later = released_params(lake, "breakout", "BTCUSDT", AS_OF + HOUR)
    assert later is not None
    assert later["k"] == 0.45


@pytest.mark.parametrize(
    ("k", "allowed"),
    [
        (0.5, (0.4, 0.45, 0.5, 0.55, 0.6)),
        (0.4, (0.4, 0.45, 0.5)),
        (0.6, (0.5, 0.55, 0.6)),
        (0.75, ()),
    ],
)
def test_k_moves_inside_the_plateau_and_by_a_tenth_at_most(
    k: float, allowed: tuple[float, ...]
) -> None:
    assert allowed_k(entry("BTCUSDT", k=k)) == pytest.approx(allowed)


def test_k_is_searched_between_its_bounds_on_the_last_two_hundred_candles() -> None:
    wide = entry("BTCUSDT", k=0.55)
    wide = wide.model_copy(update={"in_sample": {"approved_k_low": 0.0, "approved_k_high": 2.0}})
    found = {
        k
        for last in (0.1, 0.3, 0.4, 0.55, 0.7, 0.8, 1.0)
        for k in allowed_k(wide.model_copy(update={"params": {**wide.params, "k": last}}))
    }
    assert sorted(found) == pytest.approx([step / 20 for step in range(6, 17)])  # 0.30 to 0.80
    assert retune_k.CANDLES_USED == 200


def test_without_a_plateau_no_k_is_allowed() -> None:
    bare = entry("BTCUSDT").model_copy(update={"in_sample": {}})
    assert allowed_k(bare) == ()


def test_retuning_publishes_only_k_and_extends_no_validity(lake: Lake) -> None:
    publish_entries(lake, entry("BTCUSDT"), entry("ETHUSDT"))
    before = read_current(lake.published, AS_OF)
    retuned = [
        RetunedK("BTCUSDT", 0.5, 0.55, "better", lake.fingerprint(CANDLES, symbol="BTCUSDT")),
        RetunedK("ETHUSDT", 0.5, 0.5, "as good", ()),
    ]
    later = AS_OF + 4 * HOUR
    result = publish_k(lake, before, retuned, as_of=later, now=later, flow_run=RUN)
    assert result is not None
    after = read_current(lake.published, later)
    assert after.release_id == result.release_id
    assert after.as_of == later
    assert after.valid_until["params"] == before.valid_until["params"]
    for old, new in zip(before.strategies, after.strategies, strict=True):
        k = 0.55 if old.symbol == "BTCUSDT" else 0.5
        assert new == old.model_copy(update={"params": {**old.params, "k": k}})


def test_retuning_that_changes_no_k_publishes_nothing(lake: Lake) -> None:
    publish_entries(lake, entry("BTCUSDT"))
    release = read_current(lake.published, AS_OF)
    same = [RetunedK("BTCUSDT", 0.5, 0.5, "as good", ())]
    assert publish_k(lake, release, same, as_of=AS_OF, now=AS_OF, flow_run=RUN) is None


def test_the_universe_is_ranked_by_quote_volume_and_marks_estimates(
    lake: Lake,
) -> None:
    assert scan(lake, as_of=AS_OF, venue="binance_usdm", size=10) == (
        UniverseMember(1, "ETHUSDT", 90 * 3.0 * 100.0, "close x volume"),
        UniverseMember(2, "BTCUSDT", 90 * 250.0, "exchange"),
    )


def test_a_symbol_without_trading_in_the_last_day_is_not_in_the_universe(lake: Lake) -> None:
    later = AS_OF + timedelta(hours=23)
    assert [m.symbol for m in scan(lake, as_of=later, venue="binance_usdm", size=1)] == ["ETHUSDT"]
    assert scan(lake, as_of=later + 3 * HOUR, venue="binance_usdm", size=10) == ()
