"""A step whose process ends costs one attempt of one key, whatever ended it."""

from __future__ import annotations

import pytest

from flows.engine.engine import FlowStep, Outcome, PlainEngine
from tests.flows.engine.crashes import WAYS, work

GOOD = ("BTCUSDT", "ETHUSDT", "FILUSDT", "NEARUSDT")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome[str]]:
    """Run good keys between keys that crash once and keys that crash at every attempt."""
    step = FlowStep("work", work, retries=1, isolated=True)
    keys = [f"{often}: {way}" for way in WAYS for often in ("once", "always")]
    for place, name in enumerate(GOOD):
        keys.insert(place * 7, name)
    engine = PlainEngine("test", 3, [].append)
    try:
        found = engine.each(step, keys, tmp_path_factory.mktemp("marks"))
    finally:
        engine.close()
    return {one.key: one for one in found}


@pytest.mark.parametrize("way", WAYS)
def test_a_second_attempt_in_a_new_process_succeeds(
    outcomes: dict[str, Outcome[str]], way: str
) -> None:
    key = f"once: {way}"
    assert outcomes[key] == Outcome(key, key)


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_crashes_again_says_how_its_process_ended(
    outcomes: dict[str, Outcome[str]], way: str
) -> None:
    key = f"always: {way}"
    text = f"StepCrashedError: the process of the step was {WAYS[way][1]}"
    assert outcomes[key] == Outcome(key, error=text.replace("was ended with", "ended with"))


@pytest.mark.parametrize("name", GOOD)
def test_the_other_keys_are_done(outcomes: dict[str, Outcome[str]], name: str) -> None:
    assert outcomes[name] == Outcome(name, name)
