"""What the templates get: frozen view models, with every number already formatted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GOOD = "good"
BAD = "bad"
WARN = "warn"
MUTED = "muted"
MONO = "mono"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of `web/charts`: its kind, its data, and one sentence for those who cannot see it.

    ``key`` is unique on the page.
    """

    key: str
    kind: str
    title: str
    text: str
    data: Mapping[str, Any]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; ``tone`` is a CSS class, ``hint`` a tooltip, ``share`` a bar."""

    text: str
    tone: str = ""
    hint: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class TableView:
    """A table; ``words`` are the columns aligned to the left (all others are numbers)."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: frozenset[int] = frozenset({0})
    caption: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value, with a small note under it."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The release of the page; ``state`` is proven, unproven or none."""

    title: str
    release_id: str
    state: str
    why: tuple[str, ...]
    as_of: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class AccountView:
    """What the account did, in one headline, with the figures that a trader wants first."""

    headline: str
    tone: str
    lead: str
    facts: tuple[Fact, ...] = ()
    equity: Chart | None = None
    positions: TableView | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to trust the release, or not to; ``tone`` is good, warn or bad."""

    label: str
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the release before; ``lines`` are sentences."""

    lead: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """The answers that come before everything else."""

    account: AccountView
    trading: TableView | None
    checks: tuple[Check, ...]
    changes: Changes
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Strategies side by side, on the same symbols and days."""

    title: str
    lead: str
    grid: TableView


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read."""

    lead: str
    grid: TableView | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Checks of the data."""

    lead: str
    grid: TableView | None
    bad_rows: TableView | None
    oddities: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SurfaceMap:
    """One heat map; the note names the fixed parameters."""

    note: str
    chart: Chart


@dataclass(frozen=True, slots=True)
class SurfaceGroup:
    """The heat maps of one measure."""

    title: str
    note: str
    maps: tuple[SurfaceMap, ...]


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """What the trades of one run come to by side, day, period, reason and weekday."""

    rolling: tuple[Chart, ...] = ()
    summary: TableView | None = None
    risk: TableView | None = None
    periods: TableView | None = None
    drawdowns: TableView | None = None
    reasons: TableView | None = None
    weekdays: TableView | None = None


@dataclass(frozen=True, slots=True)
class StrategyView:
    """One strategy on one symbol."""

    key: str
    strategy: str
    symbol: str
    proven: bool
    why: str
    params: tuple[Fact, ...]
    notes: tuple[str, ...]
    metrics: TableView | None
    verdicts: TableView | None
    equity: Chart | None
    price: Chart | None
    fold_chart: Chart | None
    folds: TableView | None
    trade_charts: tuple[Chart, ...]
    figures: tuple[tuple[str, str], ...]
    surfaces: tuple[SurfaceGroup, ...]
    trades: TableView | None
    traded: TradeFigures | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelView:
    """One trained model."""

    key: str
    name: str
    symbol: str
    proven: bool
    why: str
    facts: tuple[Fact, ...]
    metrics: TableView | None
    verdicts: TableView | None
    importance: TableView | None
    folds: Chart | None


@dataclass(frozen=True, slots=True)
class Execution:
    """What the executor did, from the exported ledger."""

    lead: str
    facts: tuple[Fact, ...] = ()
    trips: TableView | None = None
    reasons: Chart | None = None
    stops: TableView | None = None
    orders: TableView | None = None
    events: TableView | None = None


@dataclass(frozen=True, slots=True)
class ParityView:
    """Days of live trading beside their replays, and what is not equal."""

    lead: str
    days: TableView | None = None
    odd: TableView | None = None


@dataclass(frozen=True, slots=True)
class AllocationView:
    """How the strategies share the account; no grids without an ensemble."""

    lead: str
    weights: TableView | None = None
    regimes: TableView | None = None
    history: TableView | None = None


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """Every hypothesis with its budget and state, and the gates that refused a parameter set."""

    lead: str
    hypotheses: TableView | None = None
    refused: TableView | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    header: Header
    first: FirstScreen
    bars: Mapping[str, Any]
    inputs: Inputs
    quality: Quality
    strategies: tuple[StrategyView, ...]
    strategies_lead: str
    comparisons: tuple[Comparison, ...]
    evidence: EvidenceView
    allocation: AllocationView
    models: tuple[ModelView, ...]
    models_lead: str
    drift: TableView | None
    forecasts: TableView | None
    execution: Execution
    parity: ParityView
    sections: tuple[tuple[str, str], ...] = field(
        default=(
            ("summary", "Summary"),
            ("execution", "Trades"),
            ("parity", "Parity"),
            ("strategies", "Strategies"),
            ("evidence", "Evidence"),
            ("ensemble", "Ensemble"),
            ("models", "Models"),
            ("quality", "Data quality"),
            ("inputs", "Provenance"),
        )
    )
