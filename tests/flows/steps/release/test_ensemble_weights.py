"""How the members of a release share the account: weights, regimes, and the stored file."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.report.lake_reader import past_weights
from flows.report.sections.allocation import allocation_view
from flows.steps.release.ensemble_weights import (
    build_ensemble,
    choose_weights,
    out_of_sample,
    previous_weights,
)
from flows.steps.release.publish import publish
from flows.steps.search.optimize import OptimizeEntry
from lake.releases import (
    Candidate,
    Ensemble,
    FlowRun,
    NewFile,
    Release,
    StrategyEntry,
    ensemble_file,
    member_name,
    read_ensemble,
    read_release,
)
from lake.releases import (
    publish as publish_release,
)
from lake.store import Lake
from lake.tables import BARS, FOLDS, TRADES
from tests.flows.sample import AS_OF
from trading.candles import HOUR_MS, CandleColumns
from trading.ensemble.learned_weights import weigh_days
from trading.ensemble.regimes import labels_at
from trading.ensemble.weights import ENOUGH, WeightRules, ensemble_weights
from trading.errors import ReleaseRefused

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RUN = FlowRun(id="run-1", name="quick-fox")
START = AS_OF - 20 * DAY


def bars(lake: Lake, symbol: str, crash: bool) -> None:
    """Return 20 days of quiet hours; optionally with a crash of 20 % in the last three."""
    count = 480
    close = 100 + 0.1 * np.sin(np.arange(count))
    if crash:
        close[-3:] = (93.0, 86.0, 80.0)
    opens = np.append(close[0], close[:-1])
    times = [START + n * HOUR for n in range(count)]
    for month in sorted({f"{time:%Y-%m}" for time in times}):
        own = np.array([f"{time:%Y-%m}" == month for time in times])
        rows = pa.table(
            {
                "open_time": pa.array([t for t, kept in zip(times, own, strict=True) if kept]),
                "open": opens[own],
                "high": np.maximum(opens, close)[own] + 0.05,
                "low": np.minimum(opens, close)[own] - 0.05,
                "close": close[own],
                "volume": np.full(own.sum(), 5.0),
                "candles": np.full(own.sum(), 60),
            }
        )
        where = {"venue": "binance_usdm", "symbol": symbol, "interval": "1h", "month": month}
        lake.write(BARS, rows, **where)


def searched(
    lake: Lake, strategy: str, symbol: str, nets: list[float], as_of: datetime = AS_OF
) -> OptimizeEntry:
    """Return a search whose out-of-sample run made one trade a day, at noon, until yesterday."""
    run = f"{strategy}-{symbol}-{as_of:%d}"
    first = AS_OF - (len(nets) + 1) * DAY
    subject = {"as_of": as_of, "strategy": strategy, "symbol": symbol}
    fold = {
        **subject, "fold": 0, "params": "{}", "train_from": START, "train_to": first,
        "test_from": first, "test_to": first + len(nets) * DAY,
    }  # fmt: skip
    trades = [
        {**subject, "sample": sample, "entry_time": first + n * DAY + 12 * HOUR,
         "exit_time": first + n * DAY + 13 * HOUR, "side": 1, "entry_price": 1.0,
         "exit_price": 1.0, "net_return": net, "reason": "x"}
        for sample, sign in (("out_of_sample", 1), ("recent", -9))
        for n, net in enumerate(sign * value for value in nets)
    ]  # fmt: skip
    lake.write(FOLDS, pa.Table.from_pylist([fold], schema=FOLDS.schema), run=run)
    lake.write(TRADES, pa.Table.from_pylist(trades, schema=TRADES.schema), run=run)
    entry = StrategyEntry(strategy=strategy, symbol=symbol, params={})
    return OptimizeEntry(entry, run, 1, 1.0, ())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    bars(lake, "BTCUSDT", crash=False)
    bars(lake, "ETHUSDT", crash=True)
    return lake


GOOD = [0.02, 0.01, 0.015, 0.01, 0.02, 0.01, 0.015, 0.02, 0.01, 0.02]
BAD = [-value for value in GOOD]


def ensemble_of(lake: Lake, *entries: OptimizeEntry, as_of: datetime = AS_OF) -> Ensemble:
    return Ensemble.model_validate_json(build_ensemble(lake, as_of, entries)[0].data)


def one_good_of_three(lake: Lake, times: int) -> list[OptimizeEntry]:
    return [
        searched(lake, "breakout", "BTCUSDT", GOOD * times),
        searched(lake, "rsi_bollinger", "BTCUSDT", BAD * times),
        searched(lake, "rsi_bollinger", "ETHUSDT", BAD * times),
    ]


def test_weights_follow_the_out_of_sample_days_within_bounds(lake: Lake) -> None:
    found = ensemble_of(lake, *one_good_of_three(lake, 2))
    assert found.weights == pytest.approx(
        {"breakout/BTCUSDT": 0.5, "rsi_bollinger/BTCUSDT": 0.25, "rsi_bollinger/ETHUSDT": 0.25}
    )
    assert found.choice is not None
    assert found.choice.learned
    assert found.choice.t_value >= found.choice.least_t
    member = found.members["breakout/BTCUSDT"]
    assert (member.days, member.trades) == (20, 20)
    assert member.score > 0
    assert "Weights are learnt: on 20 out-of-sample days" in allocation_view(found).lead


def test_weights_are_equal_until_the_days_show_that_learning_helps(lake: Lake) -> None:
    found = ensemble_of(lake, *one_good_of_three(lake, 1))
    assert set(found.weights.values()) == {1 / 3}
    assert found.choice is not None
    assert (found.choice.learned, found.choice.days) == (False, 10)
    assert found.choice.gain > 0
    assert found.members["breakout/BTCUSDT"].score > 0
    assert "Weights are equal: on 10 out-of-sample days" in allocation_view(found).lead


def test_the_release_weighs_as_the_backtest_does(lake: Lake) -> None:
    entries = one_good_of_three(lake, 2)
    runs = {
        member_name(found.entry.strategy, found.entry.symbol): out_of_sample(lake, found, AS_OF)
        for found in entries
    }
    returns = {name: run.daily.tolist() for name, run in runs.items()}
    walked = weigh_days({name: [*own, 0.0] for name, own in returns.items()}, WeightRules())
    choice = choose_weights(runs)
    before = weigh_days(returns, WeightRules())
    assert choice.model_dump(exclude={"least_t"}) == asdict(before.evidence)
    tonight = ensemble_weights(returns, before.weights[-1], learned=choice.learned)
    assert walked.weights[-1] == pytest.approx(tonight)


def test_the_report_shows_the_weights_of_the_releases_before(lake: Lake) -> None:
    for day, times in ((AS_OF - DAY, 1), (AS_OF, 2)):
        made = [searched(lake, *where, nets, day) for where, nets in (
            (("breakout", "BTCUSDT"), GOOD * times),
            (("rsi_bollinger", "BTCUSDT"), BAD * times),
            (("rsi_bollinger", "ETHUSDT"), BAD * times),
        )]  # fmt: skip
        publish(lake, as_of=day, now=day, entries=made, trained=(), left_out=(), flow_run=RUN)
    past = past_weights(lake, AS_OF)
    assert [one.as_of for one in past] == [AS_OF, AS_OF - DAY]
    assert past == (past[0], *past_weights(lake, AS_OF - HOUR))
    found = ensemble_of(lake, *made)
    history = allocation_view(found, past).history
    assert history is not None
    assert history.head[2] == "breakout on BTCUSDT"
    shown = [[cell.text for cell in row[1:3]] for row in history.rows]
    # 30 % of the way from a third to a half.
    assert shown == [["learnt", "38.33 %"], ["equal shares", "33.33 %"]]


def test_weights_move_part_of_the_way_from_the_release_before(lake: Lake) -> None:
    earlier = AS_OF - DAY
    first = [
        searched(lake, "breakout", "BTCUSDT", BAD, earlier),
        searched(lake, "rsi_bollinger", "ETHUSDT", BAD, earlier),
    ]
    publish(lake, as_of=earlier, now=earlier, entries=first, trained=(), left_out=(), flow_run=RUN)
    then = [
        searched(lake, "breakout", "BTCUSDT", BAD),
        searched(lake, "momentum", "BTCUSDT", BAD),
        searched(lake, "rsi_bollinger", "ETHUSDT", BAD),
    ]
    found = ensemble_of(lake, *then)
    # Nothing scores, so the target is a third each: 30 % of the way from a half, or from 0.
    assert found.weights == pytest.approx(
        {"breakout/BTCUSDT": 0.45, "momentum/BTCUSDT": 0.10, "rsi_bollinger/ETHUSDT": 0.45}
    )
    assert found.weights == ensemble_of(lake, *reversed(then)).weights


def test_a_crash_pauses_entries_and_then_favours_reversals(lake: Lake) -> None:
    found = ensemble_of(
        lake,
        searched(lake, "breakout", "ETHUSDT", GOOD),
        searched(lake, "rsi_bollinger", "ETHUSDT", GOOD),
        searched(lake, "breakout", "BTCUSDT", GOOD),
    )
    assert found.regimes["ETHUSDT"].label == "crash"
    assert found.regimes["ETHUSDT"].since is not None
    assert found.regimes["ETHUSDT"].since <= AS_OF
    assert found.regimes["BTCUSDT"].label != "crash"
    weight = found.weights["rsi_bollinger/ETHUSDT"]
    assert found.share_of("rsi_bollinger", "ETHUSDT", "crash", 4) == 0.0
    assert found.share_of("rsi_bollinger", "ETHUSDT", "crash", 5) == weight
    assert found.share_of("breakout", "ETHUSDT", "crash", 5) == 0.0
    assert found.share_of("breakout", "ETHUSDT", "up_trend", 1) == pytest.approx(
        found.weights["breakout/ETHUSDT"]
    )
    assert found.share_of("wave", "ETHUSDT", "up_trend", 1) == 0.0


def test_a_regime_in_which_a_strategy_lost_often_enough_halves_its_factor(lake: Lake) -> None:
    losing = [searched(lake, "rsi_bollinger", symbol, BAD) for symbol in ("BTCUSDT", "ETHUSDT")]
    few = ensemble_of(lake, losing[0])
    enough = ensemble_of(lake, *losing)
    assert 2 * len(BAD) == ENOUGH
    assert few.factors["range"]["rsi_bollinger/BTCUSDT"] == 1.0
    assert enough.factors["range"]["rsi_bollinger/BTCUSDT"] == 0.5


def test_a_trade_has_the_label_of_the_last_closed_bar() -> None:
    hour = HOUR_MS
    ones = [1.0, 1.0, 1.0]
    candles = CandleColumns.of([0, hour, 2 * hour], ones, ones, ones, ones, interval_ms=hour)
    times = np.array([0, hour - 1, hour, 2 * hour - 1, 2 * hour, 9 * hour])
    assert labels_at(candles, np.array([3, 4, 5]), times).tolist() == [0, 0, 3, 3, 4, 5]


def test_nothing_at_or_after_as_of_counts(lake: Lake) -> None:
    entry = searched(lake, "breakout", "ETHUSDT", GOOD)
    before = AS_OF - 4 * HOUR
    _, read = build_ensemble(lake, before, [replace(entry, run="none")])
    found = ensemble_of(lake, entry, as_of=before)
    assert found.regimes["ETHUSDT"].label == "range"
    assert all(ref.last is not None and ref.last < before for ref in read)
    assert found.members["breakout/ETHUSDT"].trades == 0


def test_a_release_carries_the_ensemble_and_reads_it_back(lake: Lake) -> None:
    entries = [searched(lake, "breakout", "BTCUSDT", GOOD)]
    result = publish(
        lake, as_of=AS_OF, now=AS_OF, entries=entries, trained=(), left_out=(), flow_run=RUN
    )
    release = read_release(lake.published, result.release_id)
    assert [(file.path, file.kind) for file in release.files if file.kind == "regime"] == [
        ("ensemble.json", "regime")
    ]
    ensemble = read_ensemble(release)
    assert ensemble == ensemble_of(lake, *entries)
    assert {ref.table for ref in release.fingerprint_of("regime")} >= {"bars"}
    shown = allocation_view(ensemble)
    assert shown.weights is not None
    assert shown.weights.rows[0][0].text == "breakout on BTCUSDT"
    assert "4 candles after a crash began" in shown.lead
    assert allocation_view(None).weights is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": "7x"}, "interval"),
        ({"factors": {"storm": {}}}, "'storm' is not a regime"),
        ({"factors": {"crash": {"wave/X": 0.5}}}, "has a factor of wave/X, not a member"),
        ({"rules": {"crash_fall": -1.0}}, "crash_fall"),
        ({"members": {}}, "not a member"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused(
    lake: Lake, change: dict[str, object], message: str
) -> None:
    made, _ = build_ensemble(lake, AS_OF, [searched(lake, "breakout", "BTCUSDT", GOOD)])
    data = json.dumps(json.loads(made.data) | change).encode()
    candidate = Candidate(
        as_of=AS_OF, fingerprint=(), flow_run=RUN, files=(NewFile(made.path, made.kind, data),)
    )
    release_id = publish_release(lake.published, candidate, AS_OF).release_id
    with pytest.raises(ReleaseRefused, match=r"ensemble\.json") as refusal:
        read_ensemble(read_release(lake.published, release_id))
    assert message in str(refusal.value)


def test_the_weights_before_cost_one_release_however_many_there_are(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in range(6, 0, -1):
        day = AS_OF - age * DAY
        made = [searched(lake, "breakout", "BTCUSDT", BAD * (7 - age), day)]
        publish(lake, as_of=day, now=day, entries=made, trained=(), left_out=(), flow_run=RUN)
    reads: list[str] = []

    def noted(root: Path, release_id: str) -> Release:
        reads.append(release_id)
        return read_release(root, release_id)

    monkeypatch.setattr(ensemble_file, "read_release", noted)
    assert previous_weights(lake, AS_OF, {"breakout/BTCUSDT"}) == {"breakout/BTCUSDT": 1.0}
    assert len(reads) == 1
    assert previous_weights(lake, AS_OF, {"surge/BTCUSDT"}) is None
    assert len(past_weights(lake, AS_OF)) == 6
