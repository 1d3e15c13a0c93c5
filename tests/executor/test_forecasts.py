"""Published forecasts change entries as the settings say, and every use is in the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from executor.builder import Executor
from executor.model import ZERO
from executor.operations.live_notice import announce_unproven
from lake.releases import (
    FORECASTS,
    Forecasts,
    ForecastSeries,
    write_forecasts,
)
from tests.executor.fakes import BTCUSDT, MINUTE, FakeVenue, executor_on, settled, signal
from tests.executor.test_start import LIVE
from trading.candles import HOUR_MS
from trading.model_targets import VOLATILITY, entry_target
from trading.research.evidence.states import HypothesisEvidence, State
from trading.strategies.registry import get_strategy

SIZE = {"forecasts": {"size": True}}
BAR = HOUR_MS - MINUTE
"""A candle that closes at one o'clock."""


def forecasts(
    value: float = 0.002,
    *,
    made_at: int = HOUR_MS - 4 * MINUTE,
    proven: bool = True,
    evidence: HypothesisEvidence | None = None,
) -> Forecasts:
    series = ForecastSeries(
        symbol="BTCUSDT",
        target=VOLATILITY,
        model="volatility_1h-BTCUSDT",
        model_sha256="a" * 64,
        proven=proven,
        evidence=evidence,
        usual=0.001,
        made_at=(made_at,),
        values=(value,),
    )
    return Forecasts(
        as_of="1970-01-02T00:00:00Z",  # type: ignore[arg-type]
        release_id="19700101T000000Z-abcdefgh",
        git_commit="x",
        series=(series,),
    )


def intents(executor: Executor) -> list[dict[str, Any]]:
    return events(executor, "order_intent")


def events(executor: Executor, kind: str) -> list[dict[str, Any]]:
    ledger = executor.services.ledger
    ledger.flush()
    rows = ledger._db.execute("select data from events where type = ? order by id", (kind,))
    return [orjson.loads(row["data"]) for row in rows]


async def entered(
    folder: Path, published: Forecasts | None, **changes: Any
) -> tuple[Decimal, Executor]:
    if published is not None:
        (folder / "published").mkdir(parents=True, exist_ok=True)
        write_forecasts(folder / "published", published)
    more = changes.pop("signal", {})
    async with executor_on(folder, FakeVenue(), **changes) as executor:
        signal(executor, BAR, **more)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        executor.services.ledger.flush()
        executor.kept = (  # type: ignore[attr-defined]
            intents(executor),
            events(executor, "entry_refused"),
            events(executor, "forecasts_refused"),
            holding.row if holding is not None else None,
        )
        return (holding.row.quantity if holding is not None else ZERO), executor


async def test_an_entry_is_smaller_before_a_wild_hour(tmp_path: Path) -> None:
    full, _ = await entered(tmp_path / "plain", forecasts())
    assert full > 0  # the setting is off
    half, executor = await entered(tmp_path / "sized", forecasts(), **SIZE)
    assert half == full / 2
    (first, *_), refused, _, _ = executor.kept  # type: ignore[attr-defined]
    assert refused == []
    assert first["bound_by"] == "forecast"
    assert Decimal(first["without_forecast"]) == full
    known = first["forecast"]
    assert known["model"] == "volatility_1h-BTCUSDT"
    assert (known["value"], known["usual"], known["share"]) == (0.002, 0.001, 0.5)
    assert (known["made_at"], known["valid_until"]) == (
        "1970-01-01T00:56:00Z",
        "1970-01-01T01:26:00Z",
    )


@pytest.mark.parametrize(
    ("published", "why"),
    [
        (None, "none is published"),
        (forecasts(made_at=HOUR_MS - 30 * MINUTE), "has none that is valid now"),
        (forecasts(made_at=HOUR_MS - 2 * MINUTE), "has none that is valid now"),
    ],
)
async def test_without_a_valid_forecast_the_size_is_neutral_and_the_reason_is_kept(
    tmp_path: Path, published: Forecasts | None, why: str
) -> None:
    full, _ = await entered(tmp_path / "plain", published)
    size, executor = await entered(tmp_path / "sized", published, **SIZE)
    assert size == full > 0
    (first, *_), _, _, _ = executor.kept  # type: ignore[attr-defined]
    assert why in first["forecast"]["missing"]


async def test_without_a_valid_forecast_entries_can_be_skipped(tmp_path: Path) -> None:
    skips = {"forecasts": {"size": True, "when_missing": "skip"}}
    size, executor = await entered(tmp_path, None, **skips)
    assert size == 0
    _, refused, _, _ = executor.kept  # type: ignore[attr-defined]
    assert refused[0]["reasons"] == ["no forecast: none is published"]


def chances(value: float, strategy: str) -> Forecasts:
    target = entry_target(strategy)
    made = forecasts(value)
    named = {"target": target, "model": f"{target}-POOL", "usual": 0.5}
    return made.model_copy(update={"series": (made.series[0].model_copy(update=named),)})


async def test_an_entry_that_wins_less_often_than_usual_is_skipped_with_its_forecast(
    tmp_path: Path,
) -> None:
    asks = {"forecasts": {"entries": True}}
    own = "breakout"
    assert (await entered(tmp_path / "off", chances(0.4, own)))[0] > 0
    assert (await entered(tmp_path / "better", chances(0.6, own), **asks))[0] > 0
    assert (await entered(tmp_path / "others", chances(0.4, "momentum"), **asks))[0] > 0
    size, executor = await entered(tmp_path / "worse", chances(0.4, own), **asks)
    assert size == 0
    _, refused, _, _ = executor.kept  # type: ignore[attr-defined]
    assert refused[0]["reasons"] == [
        "forecast entry_breakout-POOL of 19700101T000000Z-abcdefgh: wins with a chance of 40.0%,"
        " below the usual 50.0%; made 1970-01-01 00:56"
    ]
    strict = {"forecasts": {"entries": True, "when_missing": "skip"}}
    assert (await entered(tmp_path / "none", None, **strict))[0] == 0


async def test_a_move_that_cannot_pay_the_costs_is_not_traded(tmp_path: Path) -> None:
    asks = {"forecasts": {"cost_filter": 1.5, "round_trip_bps": 12.0}}
    assert (await entered(tmp_path / "wild", forecasts(0.001), **asks))[0] > 0
    size, executor = await entered(tmp_path / "calm", forecasts(0.0002), **asks)
    assert size == 0
    _, refused, _, _ = executor.kept  # type: ignore[attr-defined]
    assert "a mean move of 0.124% in the next hour is below 0.180%" in refused[0]["reasons"][0]


async def test_stop_and_leverage_follow_the_forecast_range(tmp_path: Path) -> None:
    params = {"stop_loss": 0.0, "target_volatility": 0.02, "leverage": 10}
    given = {"atr": 500.0, "params": get_strategy("breakout").resolve(params)}
    _, plain = await entered(tmp_path / "plain", forecasts(0.001), signal=given)
    both = {"forecasts": {"stop": True, "leverage": True}}
    _, moved = await entered(tmp_path / "moved", forecasts(0.001), signal=given, **both)
    before, after = plain.kept[3], moved.kept[3]  # type: ignore[attr-defined]
    assert (before.atr, before.leverage) == (500.0, 2)
    # The range of four hours: 1.596 x 0.1 % x the root of 240 minutes x 50,000.
    assert after.atr == pytest.approx(1236.08, abs=0.01)
    assert after.leverage == 1


async def test_a_changed_file_is_refused_once_and_counts_as_none(tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    write_forecasts(published, forecasts())
    path = published / FORECASTS
    path.write_text(path.read_text().replace('"usual":0.001', '"usual":0.009'))
    async with executor_on(tmp_path, FakeVenue(), **SIZE) as executor:
        await executor.forecasts.poll()
        await executor.forecasts.poll()
        assert len(events(executor, "forecasts_refused")) == 1
        signal(executor, BAR)
        await settled(executor)
        assert "changed after it was published" in intents(executor)[0]["forecast"]["missing"]
        write_forecasts(published, forecasts())
        await executor.forecasts.poll()
        assert executor.forecasts.current == forecasts()


async def test_a_model_that_drifts_is_alerted_once_also_over_restarts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    published = tmp_path / "published"
    published.mkdir()
    (calm,) = forecasts(proven=False).series
    why = "the mean error of the last day lies 3.1 × as far off as on calm days"

    def publish(**changes: str) -> None:
        series = calm.model_copy(update={"drift": why, **changes})
        write_forecasts(published, forecasts().model_copy(update={"series": (series,)}))

    def said() -> list[dict[str, str]]:
        return [r.alert for r in caplog.records if r.message == "alert: model drifted"]  # type: ignore[attr-defined]

    publish(drift="")
    async with executor_on(tmp_path, FakeVenue()) as executor:
        await executor.forecasts.poll()
        assert said() == []
        publish()
        await executor.forecasts.poll()
        assert said() == [{"model": "volatility_1h-BTCUSDT", "why": why}]
    async with executor_on(tmp_path, FakeVenue()) as executor:
        await executor.forecasts.poll()
        assert len(said()) == 1
        publish(model_sha256="b" * 64)  # the next night's model drifts as well
        await executor.forecasts.poll()
        assert len(said()) == 2


def known(state: State, e_value: float = 1.0) -> HypothesisEvidence:
    return HypothesisEvidence("volatility_1h-1a2b3c4d", state, "the edge decayed", "", e_value, 60)


async def test_live_uses_no_forecast_of_a_demoted_model_and_says_why(tmp_path: Path) -> None:
    lost = forecasts(proven=False, evidence=known("unproven"))
    size, executor = await entered(tmp_path / "lost", lost, **SIZE, **LIVE)
    full, _ = await entered(tmp_path / "none", None, **SIZE, **LIVE)
    assert size == full > 0
    (first, *_), _, _, _ = executor.kept  # type: ignore[attr-defined]
    assert first["forecast"]["missing"] == (
        "volatility_1h-BTCUSDT is unproven: the edge decayed; refused in live"
    )
    named = {"live": {"allow_unproven": ["volatility_1h"]}}
    half, _ = await entered(tmp_path / "named", lost, **SIZE, **LIVE, **named)
    assert half == full / 2
    paper, _ = await entered(tmp_path / "paper", lost, **SIZE)
    assert paper == half


@pytest.mark.parametrize(
    ("evidence", "share"),
    [
        (None, 0.25),
        (known("proven"), 0.25),
        (known("proven", 4.4721), 0.625),
        (known("proven", 20.0), 1.0),
        (known("confirmed"), 1.0),
    ],
)
async def test_levels_from_a_forecast_take_the_size_that_its_models_evidence_earned(
    tmp_path: Path, evidence: HypothesisEvidence | None, share: float
) -> None:
    given = {"atr": 1236.08, "params": get_strategy("breakout").resolve({"stop_loss": 0.0})}
    stop = {"forecasts": {"stop": True}}
    published = forecasts(0.001, evidence=evidence)
    paper, _ = await entered(tmp_path / "paper", published, signal=given, **stop)
    live, executor = await entered(tmp_path / "live", published, signal=given, **stop, **LIVE)
    assert float(live / paper) == pytest.approx(share, abs=0.05)
    (first, *_), _, _, _ = executor.kept  # type: ignore[attr-defined]
    assert (first["bound_by"] == "evidence") == (share < 1.0)


async def test_a_forecast_that_only_makes_entries_smaller_needs_no_smaller_size(
    tmp_path: Path,
) -> None:
    on_probation = forecasts(evidence=known("proven"))
    paper, _ = await entered(tmp_path / "paper", on_probation, **SIZE)
    live, _ = await entered(tmp_path / "live", on_probation, **SIZE, **LIVE)
    assert live == paper > 0


async def test_the_target_of_a_model_may_be_named_as_unproven(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    named = {"live": {"allow_unproven": ["volatility_1h"]}}
    async with executor_on(tmp_path, FakeVenue(), **LIVE, **named) as executor:
        announce_unproven(executor.services)
    warned = "unproven strategies may trade real money: volatility_1h, at 25% of the limits"
    assert warned in [record.getMessage() for record in caplog.records]


def test_forecasts_may_not_claim_more_than_their_hypothesis() -> None:
    with pytest.raises(ValueError, match="is marked proven, but its hypothesis is not"):
        forecasts(evidence=known("unproven"))
