"""What the templates get: frozen view models, with every number already formatted."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

GOOD = "good"
BAD = "bad"
WARN = "warn"
MUTED = "muted"
MONO = "mono"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; ``tone`` is a CSS class, ``hint`` a tooltip."""

    text: str
    tone: str = ""
    hint: str = ""


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
    """The head of the page; ``state`` is proven, unproven or none."""

    title: str
    release_id: str
    state: str
    why: tuple[str, ...]
    as_of: str
    facts: tuple[Fact, ...]
    overview: TableView | None


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
    svg: Markup


@dataclass(frozen=True, slots=True)
class SurfaceGroup:
    """The heat maps of one measure."""

    title: str
    note: str
    maps: tuple[SurfaceMap, ...]


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
    equity: Markup | None
    price: Markup | None
    fold_chart: Markup | None
    folds: TableView | None
    surfaces: tuple[SurfaceGroup, ...]
    trades: TableView | None
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
    importance: Markup | None
    folds: Markup | None
    fold_note: str


@dataclass(frozen=True, slots=True)
class Execution:
    """What the executor did, from the exported ledger."""

    lead: str
    facts: tuple[Fact, ...] = ()
    equity: Markup | None = None
    trips: TableView | None = None
    stops: TableView | None = None
    orders: TableView | None = None
    events: TableView | None = None


@dataclass(frozen=True, slots=True)
class AllocationView:
    """How the strategies share the account; no grids without an ensemble."""

    lead: str
    weights: TableView | None = None
    regimes: TableView | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    header: Header
    inputs: Inputs
    quality: Quality
    strategies: tuple[StrategyView, ...]
    strategies_lead: str
    comparisons: tuple[Comparison, ...]
    allocation: AllocationView
    models: tuple[ModelView, ...]
    models_lead: str
    execution: Execution
    sections: tuple[tuple[str, str], ...] = field(
        default=(
            ("summary", "Summary"),
            ("inputs", "What was read"),
            ("quality", "Data quality"),
            ("strategies", "Strategies"),
            ("ensemble", "Ensemble"),
            ("models", "Models"),
            ("execution", "Execution"),
        )
    )
