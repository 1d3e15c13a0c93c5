"""What a search works on: strategy, data, grids, and everything else that its result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from flows.engine.provenance import code_version, key_of, stable_json
from flows.settings import ResearchSettings
from lake.partitions import PartitionRef
from trading.candles import interval_name
from trading.market.funding import FundingRates
from trading.positions.liquidation import Margin
from trading.simulation.results import Costs
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value

Params = Mapping[str, Value]

# Code besides trading/ that computes a result: an edit here makes every stored result stale.
_MODULES = (
    "flows/steps/data/candles.py",
    "lake/series.py",
    *(
        f"flows/steps/search/{name}.py"
        for name in (
            "optimize",
            "plateau",
            "probes",
            "optimize_request",
            "ranking",
            "trial_returns",
            "research_rows",
            "trial_history",
            "validation",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class OptimizeRequest:
    """Everything that the result depends on; ``fingerprint`` names candles and funding.

    ``look`` says that the returns of all trials are stored for a look at the hypothesis.
    """

    strategy: Strategy
    symbol: str
    as_of: datetime
    settings: ResearchSettings
    long_grid: tuple[Params, ...]
    recent_grid: tuple[Params, ...]
    fixed: Params
    earlier: tuple[Params, ...]
    released: Params | None
    fingerprint: tuple[PartitionRef, ...]
    funding: FundingRates = field(default_factory=dict)
    look: bool = False

    @property
    def run(self) -> str:
        """Name of the partition that holds the result."""
        return run_name(self.strategy.name, self.symbol, self.as_of)

    @property
    def gaps_count(self) -> bool:
        """Whether an absent minute is missing: sparse venues have none without trades, or close."""
        return self.settings.venue not in self.settings.validation.sparse_venues

    @property
    def costs(self) -> Costs:
        """Costs and capital of the simulations, with the funding rates of the symbol."""
        return replace(costs_of(self.settings), funding=self.funding)

    def signal_interval(self, params: Params) -> str:
        """Return the name of the candles on which ``params`` decide."""
        return interval_name(self.strategy.signal_tf(self.strategy.resolve(params)))

    @property
    def trials(self) -> tuple[Params, ...]:
        """Every distinct parameter set of both grids and of earlier searches, in a fixed order."""
        own = [{**self.fixed, **values} for values in (*self.long_grid, *self.recent_grid)]
        distinct = {stable_json(values): values for values in (*own, *self.earlier)}
        return tuple(distinct.values())

    @property
    def key(self) -> str:
        """Hash of the inputs, the settings and the code."""
        settings = self.settings.model_dump(mode="json")
        used = (
            "fee_bps",
            "slippage_bps",
            "capital",
            "objective",
            "recent_days",
            "walk_forward",
            "venue",
        )
        return key_of(
            code=code_version(*_MODULES),
            as_of=self.as_of.isoformat(),
            strategy=[self.strategy.name, self.strategy.version],
            symbol=self.symbol,
            alpha=self.settings.alpha,
            look=self.look,
            gaps_count=self.gaps_count,
            settings={name: settings[name] for name in used},
            grids=[list(map(dict, self.long_grid)), list(map(dict, self.recent_grid))],
            trials=sorted(stable_json(values) for values in self.trials),
            released=None if self.released is None else dict(self.released),
            inputs=[[ref.path, ref.sha256] for ref in self.fingerprint],
        )


def costs_of(settings: ResearchSettings) -> Costs:
    """Return fee, slippage, and the capital that decides where leverage is liquidated."""
    return Costs(settings.fee_bps, settings.slippage_bps, margin=Margin(settings.capital))


def run_name(strategy: str, symbol: str, as_of: datetime) -> str:
    """Return ``optimize-breakout-BTCUSDT-20250619T000000Z``."""
    return f"optimize-{strategy}-{symbol}-{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"
