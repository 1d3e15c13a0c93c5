"""An LSTM that forecasts the next value of a series, always reported against "the last value".

LSTM 64 → dropout → LSTM 32 → dropout → one number, on windows scaled to 0–1 by the training part
alone; Adam, mean squared error, an L2 penalty. It needs the extra ``deep`` (PyTorch, safetensors),
uses a GPU when there is one, and is not needed by the executor. A price that hardly moves makes any
forecast look good, so its R² is not shown: what counts is the skill over persistence.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trading.candles import Floats
from trading.errors import DataError, ParameterError
from trading.models.ranks import auc

SHORTEST_WINDOW, LONGEST_WINDOW = 60, 200
_METADATA = "nocturne"
_BLOCK = 96
_RESAMPLES = 200


@dataclass(frozen=True)
class LstmSettings:
    """Shape and training; ``seed`` decides the first weights, the batches and the dropout."""

    window: int = 60
    first: int = 64
    second: int = 32
    dropout: float = 0.2
    l2: float = 1e-5
    learning_rate: float = 1e-3
    epochs: int = 6
    batch: int = 256
    seed: int = 7

    def __post_init__(self) -> None:
        if not SHORTEST_WINDOW <= self.window <= LONGEST_WINDOW:
            raise ParameterError(
                f"window = {self.window} is out of bounds; give {SHORTEST_WINDOW} to "
                f"{LONGEST_WINDOW} values"
            )


@dataclass(frozen=True)
class LstmForecast:
    """A fitted LSTM: weights as safetensors, and the least and largest value of its training."""

    settings: LstmSettings
    low: float
    high: float
    weights: bytes

    def predict(self, values: Floats) -> Floats:
        """Forecast each of ``values`` from the window before it; the first window has none."""
        import torch

        device = _device()
        network = _Network.of(self.settings, self.weights).to(device).eval()
        windows = _windows(self.scaled(values), self.settings.window)
        with torch.no_grad():
            parts = [
                network(torch.from_numpy(windows[at : at + 4_096].copy()).to(device)).cpu().numpy()
                for at in range(0, len(windows) - 1, 4_096)
            ]
        scaled = np.concatenate(parts).astype(np.float64)[: len(values) - self.settings.window]
        return np.asarray(self.low + scaled * (self.high - self.low))

    def scaled(self, values: Floats) -> Any:
        """Return ``values`` with 0 and 1 for the ends of the training."""
        return ((values - self.low) / (self.high - self.low)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the model file: safetensors with settings and scale as its metadata."""
        from safetensors.torch import load, save

        # One entry alone: safetensors writes several in any order.
        numbers = {**asdict(self.settings), "low": self.low, "high": self.high}
        model = json.dumps(numbers, sort_keys=True)
        return bytes(save(load(self.weights), {_METADATA: model}))

    @classmethod
    def of_bytes(cls, data: bytes) -> LstmForecast:
        """Read a model file; it is data, and nothing in it is run."""
        from safetensors.torch import load, save

        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        numbers: dict[str, Any] = json.loads(header["__metadata__"][_METADATA])
        low, high = numbers.pop("low"), numbers.pop("high")
        return cls(LstmSettings(**numbers), low, high, bytes(save(load(data))))


@dataclass(frozen=True)
class AgainstPersistence:
    """How much better than "the last value" forecasts were.

    ``skill`` is 1 − RMSE / RMSE of persistence, below 0 where the last value was better; ``auc`` is
    that of the direction, with the ends of its 95 % interval by resampled blocks.
    """

    skill: float
    rmse: float
    rmse_persistence: float
    auc: float
    auc_low: float
    auc_high: float
    rows: int


def fit_lstm(values: Floats, settings: LstmSettings | None = None) -> LstmForecast:
    """Fit an LSTM to ``values`` in time order; deterministic on one kind of machine.

    Raises `DataError` for values that are too few, missing or all equal.
    """
    import torch

    chosen = settings or LstmSettings()
    if len(values) < 4 * chosen.window:
        raise DataError(
            f"{len(values)} values are too few for windows of {chosen.window}; give at least"
            f" {4 * chosen.window}"
        )
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(values).all() and high > low):
        raise DataError("a series with missing values, or without a move, cannot be learnt")
    scaled = ((values - low) / (high - low)).astype(np.float32)
    windows = _windows(scaled, chosen.window)[:-1]
    targets = scaled[chosen.window :]
    device = _device()
    with torch.random.fork_rng():
        torch.manual_seed(chosen.seed)
        network = _Network.fresh(chosen).to(device).train()
        optimizer = torch.optim.Adam(
            network.parameters(), lr=chosen.learning_rate, weight_decay=chosen.l2
        )
        order = np.random.default_rng(chosen.seed)
        for _ in range(chosen.epochs):
            for rows in np.array_split(
                order.permutation(len(targets)), max(1, len(targets) // chosen.batch)
            ):
                x = torch.from_numpy(windows[rows]).to(device)
                y = torch.from_numpy(targets[rows]).to(device)
                optimizer.zero_grad()
                loss = torch.mean((network(x) - y) ** 2)
                loss.backward()
                optimizer.step()
    return LstmForecast(chosen, low, high, _Network.bytes_of(network))


def against_persistence(values: Floats, forecast: Floats) -> AgainstPersistence:
    """Compare forecasts of the last ``len(forecast)`` values with the value before each."""
    actual, before = values[-len(forecast) :], values[-len(forecast) - 1 : -1]
    rmse = float(np.sqrt(np.mean((actual - forecast) ** 2)))
    persistence = float(np.sqrt(np.mean((actual - before) ** 2)))
    up, expected = actual > before, forecast - before
    generator = np.random.default_rng(0)
    blocks = max(1, len(up) // _BLOCK)
    drawn = []
    for _ in range(_RESAMPLES):
        starts = generator.integers(0, max(1, len(up) - _BLOCK), blocks)
        rows = (starts[:, None] + np.arange(min(_BLOCK, len(up)))[None, :]).ravel()
        drawn.append(auc(up[rows], expected[rows]))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return AgainstPersistence(
        skill=1.0 - rmse / persistence,
        rmse=rmse,
        rmse_persistence=persistence,
        auc=auc(up, expected),
        auc_low=float(low),
        auc_high=float(high),
        rows=len(up),
    )


def _windows(scaled: Any, window: int) -> Any:
    """Return all windows of a series, [row, place in the window]."""
    return np.lib.stride_tricks.sliding_window_view(scaled, window)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class _Network:
    """Makes the network; torch is imported where one is needed, so it cannot be a base class."""

    @staticmethod
    def fresh(settings: LstmSettings) -> Any:
        """Return the network with new weights."""
        import torch
        from torch import nn

        class Network(nn.Module):  # type: ignore[misc]
            """Two LSTM layers with dropout, and a dense layer to one number."""

            def __init__(self) -> None:
                super().__init__()
                self.first = nn.LSTM(1, settings.first, batch_first=True)
                self.second = nn.LSTM(settings.first, settings.second, batch_first=True)
                self.dropout = nn.Dropout(settings.dropout)
                self.dense = nn.Linear(settings.second, 1)

            def forward(self, windows: torch.Tensor) -> torch.Tensor:
                """Return the next value of each window."""
                hidden, _ = self.first(windows.unsqueeze(-1))
                hidden, _ = self.second(self.dropout(hidden))
                return self.dense(self.dropout(hidden[:, -1])).squeeze(-1)

        return Network()

    @staticmethod
    def of(settings: LstmSettings, weights: bytes) -> Any:
        """Return the network with its weights."""
        from safetensors.torch import load

        network = _Network.fresh(settings)
        network.load_state_dict(load(weights))
        return network

    @staticmethod
    def bytes_of(network: Any) -> bytes:
        """Return the weights as safetensors."""
        from safetensors.torch import save

        return bytes(save({k: v.cpu().contiguous() for k, v in network.state_dict().items()}))
