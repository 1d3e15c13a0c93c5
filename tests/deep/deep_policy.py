"""Soft Actor-Critic of the extra `deep`: learns what is there, and is kept as data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.inputs.candle_files import read_candles
from trading.jit import compiler
from trading.models.policy import (
    Policy,
    PolicyData,
    PolicySettings,
    Scale,
    environment,
    fit_policy,
)
from trading.simulation.results import Costs

SAMPLE = Path(__file__).parents[2] / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
SHORT = PolicySettings(steps=400, hidden=32)


@pytest.fixture(scope="module")
def data() -> PolicyData:
    """One feature that knows the return of the next hour, and one that knows nothing."""
    compiler.enable()
    candles = read_candles(SAMPLE).rows(0, 20_000)
    rows = np.arange(60, len(candles) - 61, 60)
    ahead = np.log(candles.close[rows + 60] / candles.close[rows])
    noise = np.random.default_rng(2).normal(size=len(rows))
    return PolicyData(candles, rows, np.stack([ahead, noise], axis=1), Costs(5.0, 1.0))


def test_the_environment_keeps_the_rules_of_gymnasium(data: PolicyData) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(environment(data, Scale.of(data.features), SHORT), skip_render_check=True)


@pytest.mark.timeout(900)
def test_it_learns_to_be_out_before_a_fall(data: PolicyData) -> None:
    quick = replace(SHORT, steps=1_500, train_every=1, learning_rate=1e-3)
    policy = fit_policy(data, replace(quick, discount=0.9, entropy=0.02))
    wanted, account = policy.shares(data)
    ahead = data.features[:-1, 0]
    assert wanted[ahead > 0.003].mean() > wanted[ahead < -0.003].mean() + 0.3
    whole = data.account(SHORT)
    while not whole.is_over:
        whole.step(1.0)
    assert account.equity > whole.equity


def test_equal_inputs_give_equal_bytes_and_the_file_alone_acts_the_same(data: PolicyData) -> None:
    policy, again = fit_policy(data, SHORT), fit_policy(data, SHORT)
    assert policy.to_bytes() == again.to_bytes()
    read = Policy.of_bytes(policy.to_bytes())
    assert np.array_equal(read.shares(data)[0], policy.shares(data)[0])
    assert fit_policy(data, replace(SHORT, seed=8)).to_bytes() != policy.to_bytes()


def test_the_actor_in_numpy_is_the_one_that_was_learnt(data: PolicyData) -> None:
    import torch
    from safetensors.torch import load

    policy = fit_policy(data, SHORT)
    tensors = load(policy.weights)
    layers = [
        (tensors[f"{n}.weight"], tensors[f"{n}.bias"]) for n in ("latent_pi.0", "latent_pi.2")
    ]
    seen = torch.from_numpy(policy.scale.observed(data.features))[:1]
    for weight, bias in layers:
        seen = torch.relu(seen @ weight.T + bias)
    mean = torch.tanh(seen @ tensors["mu.weight"].T + tensors["mu.bias"])
    share = 0.5 * (float(mean) + 1.0)
    first = policy.shares(data)[0][0]
    assert first == pytest.approx(share if share >= SHORT.least_share else 0.0, abs=1e-5)
