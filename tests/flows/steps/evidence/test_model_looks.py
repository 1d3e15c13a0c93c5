"""Looks at models: one test in thirty days, and what passes is frozen, released and followed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.settings import ResearchSettings
from flows.steps.evidence.frozen_models import read_frozen
from flows.steps.evidence.hypotheses import Look, read_looks, record_look, spending
from flows.steps.evidence.model_looks import looks_for_training, model_hypothesis, weigh_models
from flows.steps.evidence.verdict import weigh
from flows.steps.models.results import ModelResult
from flows.steps.release.publish import TrainedModels
from lake.releases import NewFile
from lake.store import Lake
from lake.tables import UNSEEN_DAYS
from tests.flows.sample import lake_state
from tests.flows.steps.evidence.hypothesis_lake import AS_OF, SETTINGS, later, searched
from trading.errors import DataError
from trading.research.gates import GateVerdict

WITH_MODELS = SETTINGS.model_copy(update={"models": True})
SYMBOLS = ("BTCUSDT", "ETHUSDT")
SHARE = 0.05 * 0.8 / 3
"""One strategy and two targets."""
TARGETS = ("direction_1h", "volatility_1h")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def model(
    target: str, symbol: str, p_value: float, text: str = "{}", *, fails: str = "", days: int = 40
) -> ModelResult:
    """A model of one night, which passes its gates but ``fails``; its days earn 0.3 %."""
    names = ("leak_alarm", "beats_baseline", "superior_ability")
    random = np.random.default_rng([days, len(symbol)])
    return ModelResult(
        model=target,
        symbol=symbol,
        features=("ret_4",),
        params={},
        offset=None,
        text=text,
        rows=100,
        train_from=0,
        train_to=3_600_000,
        scores={"p_value": p_value},
        folds=(),
        importance={},
        verdicts=tuple(GateVerdict(n, n != fails, 1.0, 0.5, f"{n} is 1") for n in names),
        family="ridge",
        daily=tuple(float(value) for value in random.normal(0.003, 0.01, days)),
    )


def trained(*models: ModelResult) -> TrainedModels:
    files = {name: data for one in models for name, data in one.files().items()}
    return TrainedModels(
        models[0].symbol,
        "trained",
        tuple(NewFile(f"models/{name}", "model", data) for name, data in files.items()),
        (),
        p_values={one.model: one.scores["p_value"] or 0.0 for one in models},
    )


def cards(found: tuple[TrainedModels, ...]) -> dict[str, ModelResult]:
    """The models that would be released, by ``target-symbol``."""
    released = {}
    for one in found:
        texts = {file.path: file.data.decode() for file in one.files}
        for path, card in texts.items():
            if path.endswith(".json"):
                text = texts[path.removesuffix("json") + "txt"]
                released[Path(path).stem] = ModelResult.of_card(json.loads(card), text)
    return released


def night(
    lake: Lake,
    days: float,
    p_value: float,
    settings: ResearchSettings = WITH_MODELS,
    text: str = "{}",
    **changes: str,
) -> dict[str, ModelResult]:
    """Weigh one night's models: those of BTCUSDT have ``p_value``, those of ETHUSDT 0.5."""
    models = [
        trained(*(model(target, symbol, p, text, **changes) for target in TARGETS))
        for symbol, p in zip(SYMBOLS, (p_value, 0.5), strict=True)
    ]
    return cards(
        weigh_models(lake, as_of=later(days), settings=settings, trained=models, symbols=SYMBOLS)
    )


def looks_of(lake: Lake, target: str) -> list[Look]:
    return [look for look in read_looks(lake) if look.name == target]


def test_the_symbols_of_a_target_share_what_its_look_spends(lake: Lake) -> None:
    looks = looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2)
    assert looks["direction_1h"].alpha == pytest.approx(SHARE / 2 / 2)
    assert looks["direction_1h"].p_values is None
    night(lake, 0, 0.001)
    first, second = read_looks(lake)
    assert {first.name, second.name} == {"direction_1h", "volatility_1h"}
    assert first.alpha == pytest.approx(SHARE / 2)
    assert first.passed
    assert first.findings["believed"] == ["BTCUSDT"]


def test_the_entries_of_a_strategy_are_one_hypothesis_with_one_pooled_model(lake: Lake) -> None:
    own = WITH_MODELS.model_copy(
        update={"training": WITH_MODELS.training.model_copy(update={"entries": True})}
    )
    target = f"entry_{own.strategies[0]}"
    assert target in own.hypotheses
    assert target not in WITH_MODELS.hypotheses
    assert model_hypothesis(target, own).name == target
    looks = looks_for_training(lake, as_of=AS_OF, settings=own, tested=2)
    assert looks[target].alpha == pytest.approx(2.0 * looks["direction_1h"].alpha)
    entries = replace(
        model(target, "POOL", 1e-6), params={"entries": {"BTCUSDT": {}, "ETHUSDT": {}}}
    )
    models = [trained(*(model(t, s, 0.5) for t in TARGETS)) for s in SYMBOLS]
    found = weigh_models(
        lake, as_of=AS_OF, settings=own, trained=[*models, trained(entries)], symbols=SYMBOLS
    )
    (look,) = looks_of(lake, target)
    assert look.passed
    assert look.findings["tested"] == 1
    assert look.findings["members"]["POOL"]["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert looks_of(lake, "direction_1h")[0].findings["tested"] == 2
    assert cards(found)[f"{target}-POOL"].proven


def test_between_looks_the_models_are_not_tested_again(lake: Lake) -> None:
    night(lake, 0, 0.2)
    night(lake, 10, 0.0001)
    assert len(read_looks(lake)) == 2
    kept = looks_for_training(lake, as_of=later(10), settings=WITH_MODELS, tested=2)["direction_1h"]
    assert kept.p_values == {"BTCUSDT": 0.2, "ETHUSDT": 0.5}
    assert (kept.alpha, kept.taken) == (pytest.approx(SHARE / 4), "2025-06-20")
    night(lake, 30, 0.0001)
    _, second = looks_of(lake, "direction_1h")
    assert (second.look, second.alpha) == (2, pytest.approx(SHARE / 6))


@pytest.mark.parametrize("change", [{"direction_family": "ridge"}, {"search_minutes": 5.0}])
def test_another_way_of_fitting_does_not_pass_by_the_last_p_values(
    lake: Lake, change: dict[str, object]
) -> None:
    night(lake, 0, 0.0001)
    training = WITH_MODELS.training.model_copy(update=change)
    changed = WITH_MODELS.model_copy(update={"training": training})
    look = looks_for_training(lake, as_of=later(1), settings=changed, tested=2)["direction_1h"]
    assert look.p_values is None
    assert look.alpha < SHARE / 2 / 2  # the second look of the target
    assert not night(lake, 1, 0.2, changed)["direction_1h-BTCUSDT"].proven
    assert [look.look for look in looks_of(lake, "direction_1h")] == [1, 2]


def test_a_repeated_night_tests_with_the_same_threshold_and_spends_nothing(lake: Lake) -> None:
    before = looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2)
    night(lake, 0, 0.2)
    assert looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2) == before
    state = lake_state(lake.root)
    night(lake, 0, 0.0001)
    assert lake_state(lake.root) == state


def test_the_order_of_strategies_and_models_does_not_change_their_shares(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=WITH_MODELS)
    night(lake, 0, 0.2)
    assert [look.share for look in read_looks(lake)] == pytest.approx([SHARE] * 3)


def test_a_p_value_that_could_not_be_measured_is_none(lake: Lake) -> None:
    night(lake, 0, float("nan"))
    (look,) = looks_of(lake, "direction_1h")
    assert look.findings["p_values"] == {"ETHUSDT": 0.5}
    assert not look.passed


def test_a_budget_that_is_spent_tests_nothing(lake: Lake) -> None:
    night(lake, 0, 0.2)
    poorer = WITH_MODELS.model_copy(update={"alpha": 1e-6, "strategies": ("pullback",)})
    late = looks_for_training(lake, as_of=later(1), settings=poorer, tested=2)
    assert late["direction_1h"].p_values == {"BTCUSDT": 0.2, "ETHUSDT": 0.5}
    number, share, alpha = spending(read_looks(lake), "pullback", poorer.hypotheses, 1e-6)
    assert (number, share, alpha) == (1, 0.0, 0.0)


def test_without_a_share_a_target_is_not_tested(lake: Lake) -> None:
    crowded = WITH_MODELS.model_copy(update={"strategies": ("breakout",)})
    for name in ("breakout", "pullback"):
        record_look(lake, replace(spent(name), share=0.025))
    looks = looks_for_training(lake, as_of=later(1), settings=crowded, tested=2)
    assert (looks["direction_1h"].alpha, looks["direction_1h"].p_values) == (0.0, {})


def spent(name: str) -> Look:
    return Look(
        f"{name}-0", AS_OF, "strategy", name, "1", "g", 1, 0.05, 0.025, 9, 90, (), False, ""
    )


def test_what_passes_is_frozen_and_released_instead_of_the_models_of_later_nights(
    lake: Lake,
) -> None:
    first = night(lake, 0, 0.0001, text='{"first": 1}')
    assert [name for name, found in first.items() if found.proven] == [
        "direction_1h-BTCUSDT",
        "volatility_1h-BTCUSDT",
    ]
    later_night = night(lake, 45, 0.9, text='{"second": 2}')  # not tested: it is proven
    frozen = later_night["direction_1h-BTCUSDT"]
    assert frozen.text == '{"first": 1}'
    assert frozen.proven
    assert frozen.verdicts[-1].text == "at the look of 2025-06-20: superior_ability is 1"
    known = frozen.evidence
    assert known is not None
    assert (known.state, known.days, known.opened) == ("proven", 0, "2025-06-20")
    assert known.confirm_at == pytest.approx(3 / 0.05)
    other = later_night["direction_1h-ETHUSDT"]
    assert (other.text, other.proven) == ('{"second": 2}', False)
    assert other.evidence is not None
    assert "ETHUSDT is not among the symbols of direction_1h-" in other.evidence.reason
    assert len(read_looks(lake)) == 2


def test_a_model_that_fails_another_gate_is_not_frozen(lake: Lake) -> None:
    found = night(lake, 0, 0.0001, fails="beats_baseline")
    assert not any(one.proven for one in found.values())
    (look,) = looks_of(lake, "volatility_1h")
    assert look.reason == "better than its opponents on BTCUSDT, but refused by other gates"
    assert (look.passed, look.findings["members"]) == (False, {})


def test_a_leak_of_tonight_takes_the_proof_of_what_is_frozen_for_the_night(lake: Lake) -> None:
    night(lake, 0, 0.0001)
    found = night(lake, 1, 0.9, fails="leak_alarm")["direction_1h-BTCUSDT"]
    assert not found.proven
    assert found.evidence is not None
    assert found.evidence.sentence == "unproven: leak_alarm is 1"
    assert night(lake, 2, 0.9)["direction_1h-BTCUSDT"].proven


def days_of(lake: Lake, look: Look, results: list[float]) -> None:
    """Write unseen days of a frozen model, as following it would."""
    first = look.as_of
    rows = [
        {
            "known_at": later(place + 1),
            "frozen_at": first,
            "day": later(place),
            "net_return": value,
            "live_return": 0.0,
            "hypotheses": 2,
            "state": "proven",
            "e_value": 1.0,
            "confirm_at": 60.0,
            "decay": 0.0,
            "drawdown": 0.0,
            "days": place + 1,
            "reason": "",
        }
        for place, value in enumerate(results)
    ]
    table = pa.Table.from_pylist(rows, schema=UNSEEN_DAYS.schema)
    lake.write(UNSEEN_DAYS, table, hypothesis=look.hypothesis)


def test_unseen_days_confirm_a_model(lake: Lake) -> None:
    night(lake, 0, 0.0001)
    (look,) = looks_of(lake, "direction_1h")
    days_of(lake, look, [0.03] * 60)
    known = night(lake, 60, 0.9)["direction_1h-BTCUSDT"].evidence
    assert known is not None
    assert known.state == "confirmed"
    assert known.e_value > known.confirm_at
    assert night(lake, 5, 0.9)["direction_1h-BTCUSDT"].evidence.days == 5  # type: ignore[union-attr]


def test_a_drawdown_that_chance_does_not_explain_ends_the_proof_and_opens_a_new_look(
    lake: Lake,
) -> None:
    night(lake, 0, 0.0001, text='{"first": 1}')
    (look,) = looks_of(lake, "direction_1h")
    days_of(lake, look, [-0.2] * 4)
    lost = night(lake, 31, 0.0001, text='{"second": 2}')["direction_1h-BTCUSDT"]
    assert (lost.text, lost.proven) == ('{"second": 2}', False)
    known = lost.evidence
    assert known is not None
    assert known.demoted
    assert "the drawdown on unseen days of" in known.reason
    assert looks_of(lake, "direction_1h") == [look]  # not tested on the night of the demotion
    again = night(lake, 32, 0.0001, text='{"third": 3}')["direction_1h-BTCUSDT"]
    assert (again.text, again.proven) == ('{"third": 3}', True)
    assert looks_of(lake, "direction_1h")[1].look == 2


def test_a_frozen_model_that_was_changed_is_refused(lake: Lake) -> None:
    night(lake, 0, 0.0001)
    (look,) = looks_of(lake, "direction_1h")
    hypothesis = model_hypothesis("direction_1h", WITH_MODELS).id
    folder = lake.root / "research" / "looks" / f"hypothesis={hypothesis}"
    (file,) = folder.glob("*.txt")
    assert read_frozen(lake, look, "BTCUSDT").text == "{}"
    file.write_text('{"intercept": 9}')
    with pytest.raises(DataError, match="is not the one of the look of 2025-06-20"):
        night(lake, 1, 0.5)
    file.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        night(lake, 1, 0.5)
