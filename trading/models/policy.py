"""A trading policy learnt by Soft Actor-Critic, on the simulator of the back-tests.

The environment (gymnasium) is `trading.simulation.policy_steps`: its reward is the return of each
step after fees, slippage and funding, and a differential Sharpe ratio. Learning needs the extra
``deep`` (stable-baselines3, PyTorch). What is kept is the actor alone, as safetensors with its
settings: it is data, read and run by numpy, and nothing of it is executed. It is off by default:
no flow trains it, and no release holds one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trading.candles import CandleColumns, Floats, Integers
from trading.errors import DataError, ParameterError
from trading.positions.exit_rules import ExitRules
from trading.simulation.policy_steps import SteeredAccount
from trading.simulation.results import Costs

_METADATA = "nocturne"
_LARGEST = 5.0
"""Standardised features beyond it are cut to it."""


@dataclass(frozen=True)
class PolicySettings:
    """Shape and training; ``seed`` decides weights, exploration and batches.

    ``least_share``: a smaller wish is no position. ``emergency_stop`` stands in every position.
    ``per_sharpe`` weighs the differential Sharpe ratio in the reward, and ``entropy`` is how much
    exploration is worth at first.
    """

    hidden: int = 64
    steps: int = 10_000
    learning_rate: float = 3e-4
    train_every: int = 4
    discount: float = 0.99
    entropy: float = 1.0
    least_share: float = 0.1
    emergency_stop: float = 0.05
    per_sharpe: float = 0.05
    seed: int = 7

    def __post_init__(self) -> None:
        if not (0.0 <= self.least_share < 1.0 and self.steps > 0 and self.hidden > 0):
            raise ParameterError("a policy needs steps, a hidden layer, and a least share below 1")


@dataclass(frozen=True)
class PolicyData:
    """Candles, the rows at whose close a policy decides, and what is known there [row, feature]."""

    candles: CandleColumns
    decided: Integers
    features: Floats
    costs: Costs

    def __post_init__(self) -> None:
        if len(self.features) != len(self.decided) or not np.isfinite(self.features).all():
            raise DataError("a policy needs finite features for each row that it decides at")

    def account(self, settings: PolicySettings, *, compiled: bool = True) -> SteeredAccount:
        """Return a new account on these candles."""
        return SteeredAccount(
            self.candles,
            self.decided,
            ExitRules(emergency_stop=settings.emergency_stop),
            self.costs,
            (100.0, settings.per_sharpe, 0.01),
            compiled=compiled,
        )


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each feature in the training."""

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, features: Floats) -> Scale:
        """Measure the training's features; one that never changes counts as 0."""
        spread = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(spread > 0.0, spread, np.inf))

    def observed(self, features: Floats) -> Any:
        """Return what the policy sees, with a last place for the share that is held."""
        scaled = np.clip((features - self.mean) / self.spread, -_LARGEST, _LARGEST)
        held = np.zeros((len(features), 1))
        return np.concatenate([scaled, held], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Policy:
    """A learnt actor: two hidden layers and a mean action, as safetensors, and its scale."""

    settings: PolicySettings
    scale: Scale
    weights: bytes

    def shares(self, data: PolicyData, *, compiled: bool = True) -> tuple[Floats, SteeredAccount]:
        """Trade ``data``; the share that was wanted at each decision, and the account after it."""
        account, seen = (
            data.account(self.settings, compiled=compiled),
            self.scale.observed(data.features),
        )
        layers = _layers(_tensors(self.weights))
        wanted = np.zeros(len(account))
        while not account.is_over:
            place = account.place
            seen[place, -1] = account.share
            wanted[place] = share_of(_action(layers, seen[place]), self.settings.least_share)
            account.step(wanted[place])
        return wanted, account

    def to_bytes(self) -> bytes:
        """Return the policy as one file: safetensors, settings and scale in its metadata."""
        numbers = {
            "settings": asdict(self.settings),
            "mean": self.scale.mean.tolist(),
            "spread": [x if np.isfinite(x) else None for x in self.scale.spread.tolist()],
        }
        return packed(_tensors(self.weights), json.dumps(numbers, sort_keys=True))

    @classmethod
    def of_bytes(cls, data: bytes) -> Policy:
        """Read a policy; `DataError` for a file that is none."""
        try:
            text = _header(data)["__metadata__"][_METADATA]
            numbers: dict[str, Any] = json.loads(text)
            spread = [np.inf if x is None else x for x in numbers["spread"]]
            settings = PolicySettings(**numbers["settings"])
            weights = packed(_tensors(data), "")
            _layers(_tensors(weights))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"not a policy: {error}") from error
        return cls(settings, Scale(np.array(numbers["mean"]), np.array(spread)), weights)


def share_of(action: float, least: float) -> float:
    """Return the share of the equity that an action of -1 to 1 asks for."""
    share = 0.5 * (action + 1.0)
    return share if share >= least else 0.0


def environment(data: PolicyData, scale: Scale, settings: PolicySettings) -> Any:
    """Return a gymnasium environment: one episode trades ``data`` from its start to its end."""
    import gymnasium

    seen = scale.observed(data.features)
    account = data.account(settings)

    class TradingEnvironment(gymnasium.Env):  # type: ignore[misc]
        """Observes features and the share held; acts with a share of the equity in -1 to 1."""

        def __init__(self) -> None:
            width = seen.shape[1:]
            self.observation_space = gymnasium.spaces.Box(-_LARGEST, _LARGEST, width, np.float32)
            self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
            """Begin again at the first decision."""
            super().reset(seed=seed, options=options)
            account.reset()
            return seen[0].copy(), {}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, Any]:
            """Trade until the next decision."""
            reward = account.step(share_of(float(action[0]), settings.least_share))
            observed = seen[account.place].copy()
            observed[-1] = account.share
            return observed, reward, account.is_over, False, {}

    return TradingEnvironment()


def fit_policy(data: PolicyData, settings: PolicySettings | None = None) -> Policy:
    """Learn a policy by Soft Actor-Critic; deterministic on one kind of machine."""
    from stable_baselines3 import SAC

    chosen = settings or PolicySettings()
    scale = Scale.of(data.features)
    learner = SAC(
        "MlpPolicy",
        environment(data, scale, chosen),
        learning_rate=chosen.learning_rate,
        buffer_size=50_000,
        learning_starts=min(500, chosen.steps // 2),
        train_freq=chosen.train_every,
        gamma=chosen.discount,
        ent_coef=f"auto_{chosen.entropy}",
        policy_kwargs={"net_arch": [chosen.hidden, chosen.hidden]},
        seed=chosen.seed,
        device="auto",
    )
    learner.learn(chosen.steps)
    state = learner.policy.actor.state_dict()
    kept = {
        name: tensor.cpu().numpy()
        for name, tensor in state.items()
        if name.startswith(("latent_pi.", "mu."))
    }
    return Policy(chosen, scale, packed(kept, ""))


def _layers(tensors: dict[str, Any]) -> tuple[tuple[Any, Any], ...]:
    """Return weights and biases of the hidden layers, and of the mean action."""
    names = ("latent_pi.0", "latent_pi.2", "mu")
    return tuple((tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names)


def _action(layers: tuple[tuple[Any, Any], ...], seen: Any) -> float:
    """Return the actor's mean action, between -1 and 1."""
    *hidden, (weight, bias) = layers
    for own, offset in hidden:
        seen = np.maximum(own @ seen + offset, 0.0)
    return float(np.tanh(weight @ seen + bias)[0])


def _header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(data[8 : 8 + length])
    return found


def _tensors(data: bytes) -> dict[str, Any]:
    """Return the tensors of a safetensors file, by name."""
    body = data[8 + int.from_bytes(data[:8], "little") :]
    found = {}
    for name, entry in _header(data).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            if entry["dtype"] != "F32":
                raise ValueError(f"{name} is of the type {entry['dtype']}")
            values = np.frombuffer(body[first:last], "<f4")
            found[name] = values.reshape(entry["shape"])
    return found


def packed(tensors: dict[str, Any], metadata: str) -> bytes:
    """Return tensors as a safetensors file; equal inputs give equal bytes."""
    header: dict[str, Any] = {"__metadata__": {_METADATA: metadata}}
    body = b""
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name], dtype="<f4")
        end = len(body) + values.nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [len(body), end],
        }
        body += values.tobytes()
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body
