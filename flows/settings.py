"""Settings of the research flows: one frozen model, read where a flow starts, then passed down.

In order of precedence: arguments, environment (``NOCTURNE_RESEARCH_LAKE=…``, nested with ``__``),
the file ``config/research.toml`` (or the one named by ``NOCTURNE_RESEARCH_FILE``), the defaults.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from flows.sources.binance_rest import hosts
from lake.files import local_path
from lake.ledger_database import LedgerSource
from trading.defaults import CAPITAL, FEE_BPS, SLIPPAGE_BPS
from trading.errors import SettingsError
from trading.model_targets import MODEL_TARGETS

PROJECT = Path(__file__).resolve().parents[1]
"""Where Nocturne itself lies: a checkout, or the folder into which a wheel was installed."""
FILE_VARIABLE = "NOCTURNE_RESEARCH_FILE"

Objective = Literal["deflated_sharpe", "sharpe", "total_return", "win_rate", "profit_factor"]


class WalkForwardSettings(BaseModel):
    """Folds over the long history; lengths in days.

    Rolling folds train on the last ``train_days``, anchored ones on the whole history before
    the test, at least ``train_days``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Literal["rolling", "anchored"] = "rolling"

    train_days: int = Field(default=14, ge=2, le=3650)
    test_days: int = Field(default=5, ge=1, le=365)
    purge_days: int = Field(default=1, ge=0, le=30)
    embargo_days: int = Field(default=0, ge=0, le=30)


class StrategyGrids(BaseModel):
    """The grids of one strategy: ``name = "from:to:step"`` or ``"a,b,c"``, ends included.

    ``long`` is the coarse grid of the walk-forward, ``recent`` the fine one over the last days;
    ``fixed`` holds parameters set in both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    long: dict[str, str] = Field(min_length=1)
    recent: dict[str, str] = Field(min_length=1)
    fixed: dict[str, str | float | int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _same_names(self) -> StrategyGrids:
        if set(self.long) != set(self.recent):
            raise ValueError("the long and the recent grid must vary the same parameters")
        return self


_STOPS_LONG = {"take_profit": "0.03,0.06,0.10", "stop_loss": "0.01,0.03"}
_STOPS_RECENT = {"take_profit": "0.03:0.10:0.01", "stop_loss": "0.01:0.03:0.01"}

# What each strategy's search varies besides target and stop: parameter, coarse and fine grid.
_OWN_AXES = {
    "bb_breakout": ("volume_factor", "1.0,1.2,1.5", "1.0:1.6:0.1"),
    "combined": ("min_mean", "0.45,0.5,0.55", "0.45:0.6:0.05"),
    "dynamic_breakout": ("adx_entry", "20,25,30", "18:30:2"),
    "ml": ("least_move", "0.0005,0.001,0.002", "0.0005:0.002:0.0005"),
    "momentum": ("rank_entry", "0.85,0.9,0.95", "0.85:0.95:0.05"),
    "pullback": ("rsi_entry", "45,50,55", "44:56:2"),
    "wave": ("swing_atr", "1.5,2,2.5", "1.5:2.5:0.25"),
}


# The ICT strategies have structural stops and liquidity targets instead.
_ICT_AXIS = {
    "ict_aggressive": ("gap_window", "3,5,8", "3:8:1"),
    "ict_conservative": ("break_age", "12,24,48", "12:48:6"),
    "ict_mixed": ("sweep_window", "10,20,30", "10:30:5"),
}


# Filters stay on: without them entries are many and poor. A few weeks of history have
# hardly any filtered signals, so the demo's preset turns them off (config/presets/demo.toml).
def _default_grids() -> dict[str, StrategyGrids]:
    grids = {
        "breakout": StrategyGrids(
            long={
                "k": "0.4:0.6:0.1",
                "take_profit": "0.03,0.06,0.10",
                "stop_loss": "0.01,0.03,0.05",
            },
            recent={
                "k": "0.4:0.6:0.05",
                "take_profit": "0.03:0.10:0.01",
                "stop_loss": "0.01:0.05:0.01",
            },
        ),
        "rsi_bollinger": StrategyGrids(
            long={"take_profit": "0.01,0.03,0.05", "stop_loss": "0.01,0.02,0.03"},
            recent={"take_profit": "0.01:0.05:0.01", "stop_loss": "0.01:0.03:0.005"},
        ),
        "surge": StrategyGrids(
            long={"m1_needed": "5,6", "half_close": "0.06,0.10"},
            recent={"m1_needed": "5,6", "half_close": "0.06:0.12:0.02"},
        ),
    }
    for name, (axis, coarse, fine) in _OWN_AXES.items():
        grids[name] = StrategyGrids(
            long={axis: coarse, **_STOPS_LONG}, recent={axis: fine, **_STOPS_RECENT}
        )
    for name, (axis, coarse, fine) in _ICT_AXIS.items():
        grids[name] = StrategyGrids(
            long={axis: coarse, "min_reward": "0,1,2"}, recent={axis: fine, "min_reward": "0:2:0.5"}
        )
    return grids


class DownloadSettings(BaseModel):
    """What the flow `download` fetches, and from where; any address may be a mirror's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=False, description="download before every nightly")
    days: int = Field(default=365, ge=1, le=3650)
    archive_url: str = hosts.ARCHIVE_URL
    binance_usdm_url: str = hosts.FUTURES_URL
    binance_spot_url: str = hosts.SPOT_URL
    upbit_url: str = "https://api.upbit.com"
    krx_url: str = "https://openapivts.koreainvestment.com:29443"
    sentiment_url: str = "https://api.alternative.me/fng/"
    funding: bool = True
    positioning: bool = False
    sentiment: bool = False
    keep_files: bool = False


class RunnerSettings(BaseModel):
    """Where steps run; ``address`` is that of a Dask scheduler, empty for workers here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["threads", "processes", "dask"] = "threads"
    address: str = Field(default="", pattern=r"^$|^(tcp|tls|ucx|wss?)://.+:\d+$")


class RetentionSettings(BaseModel):
    """How long releases are kept; what a ledger names stays longer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(default=30, ge=1, le=3650)
    last: int = Field(default=3, ge=1, le=1000)


class ParitySettings(BaseModel):
    """When live trading differs from its replay: a gap of prices beyond ``band`` of the entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    band: float = Field(default=0.005, gt=0, le=1)


class ReportSettings(BaseModel):
    """How the report, its summary and the pages of ``--html`` read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["en", "ko"] = "en"
    timezone: str = Field(default="UTC", description="of every time that is shown")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name if name[:1].isupper() else "")  # no browser knows `localtime`
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a time zone; write one such as Asia/Seoul or UTC") from error
        return name


class TrainingSettings(BaseModel):
    """How much the models learn from; see `docs/learning.md`.

    Beyond ``pool_above`` symbols one model is trained for all, on at most ``pool_rows`` rows. The
    models of a night share ``search_minutes`` (of the clock) for the search of their families,
    parameters and features; none takes more than 50 of them, because both models of a symbol have
    to be trained within the two hours of their step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(default=90, ge=14, le=3650)
    pool_above: int = Field(default=20, ge=0, le=10_000)
    pool_rows: int = Field(default=400_000, ge=10_000, le=10_000_000)
    volatility_family: Literal["har", "ridge", "lightgbm", "forest"] = "lightgbm"
    direction_family: Literal["ridge", "logistic", "lightgbm", "forest"] = "lightgbm"
    search_minutes: float = Field(default=0.0, ge=0, le=1_440)


class ValidationSettings(BaseModel):
    """Limits of the checks of one-minute candles.

    ``max_bad_share``: a symbol fails when more than this share of a month's rows is bad; one bad
    row never fails it. ``jump_sigmas`` and ``thin_volume_share``: a one-minute move of more robust
    deviations than this, on less than this share of the month's median volume, is a bad print (18
    perpetuals and 90 days of spot have none). ``quiet_minutes``: this many minutes in a row without
    a trade are compared with the known events. ``sparse_venues`` omit minutes without trades; there
    a gap of ``sparse_gap_minutes`` is normal. Beyond the last five a symbol is left
    out; ``max_different_share`` is that of the source's own longer candles unlike its minutes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bad_share: float = Field(default=0.005, ge=0, le=1)
    jump_sigmas: float = Field(default=15.0, gt=0)
    jump_floor: float = Field(default=0.0002, gt=0, description="least deviation, log return")
    thin_volume_share: float = Field(default=0.1, ge=0)
    quiet_minutes: int = Field(default=10, gt=0)
    sparse_venues: tuple[str, ...] = ("upbit", "krx")
    sparse_gap_minutes: int = Field(default=60, ge=0)
    max_gap_minutes: int = Field(default=10_080, ge=0)
    max_missing_share: float = Field(default=0.05, ge=0, le=1)
    max_days_since_last: int = Field(default=30, ge=0)
    max_quiet_minutes: int = Field(default=1440, ge=0)
    max_different_share: float = Field(default=0.05, ge=0, le=1)


class ResearchSettings(BaseSettings):
    """Every setting of the flows; relative paths start at `home_folder`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="NOCTURNE_RESEARCH_",
        env_nested_delimiter="__",
    )

    lake: Path = Path("data_lake")
    sample: Path = Path("data_lake/sample")
    work: Path = Path(".work")
    venue: str = "binance_usdm"
    symbols: tuple[str, ...] = Field(default=("BTCUSDT", "ETHUSDT"), min_length=1)
    top_symbols: int = Field(
        default=0, ge=0, le=1000, description="use the N most traded symbols instead of `symbols`"
    )
    strategies: tuple[str, ...] = Field(default=("breakout", "rsi_bollinger"), min_length=1)
    fee_bps: float = Field(default=FEE_BPS, ge=0, le=100)
    slippage_bps: float = Field(default=SLIPPAGE_BPS, ge=0, le=100)
    capital: float = Field(
        default=CAPITAL, gt=0, le=1e12, description="equity at the start, in quote currency"
    )
    objective: Objective = "deflated_sharpe"
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="chance that anything is ever proven by luck",
    )
    cash_rate: float = Field(
        default=0.0, ge=0, le=1, description="yearly rate of idle money, which a strategy must beat"
    )
    recent_days: int = Field(default=7, ge=1, le=90)
    walk_forward: WalkForwardSettings = WalkForwardSettings()
    download: DownloadSettings = DownloadSettings()
    validation: ValidationSettings = ValidationSettings()
    training: TrainingSettings = TrainingSettings()
    grids: dict[str, StrategyGrids] = Field(default_factory=_default_grids)
    models: bool = Field(default=True, description="build features and train models in the nightly")
    workers: int = Field(default=0, ge=0, le=256, description="steps at a time; 0 = one per core")
    runner: RunnerSettings = RunnerSettings()
    retention: RetentionSettings = RetentionSettings()
    report: ReportSettings = ReportSettings()
    parity: ParitySettings = ParitySettings()
    universe_size: int = Field(default=150, ge=1, le=1000)
    summary_url: str = Field(
        default="", description="a webhook that gets a summary of each report; empty: none"
    )
    alert_url: str = Field(default="", description="where the Prefect server posts its alerts")
    ledger: Path = Path(".work/executor/ledger.sqlite")
    ledger_url: str = Field(
        default="", description="instead of the file: postgresql://USER@HOST:PORT/DATABASE"
    )
    ledger_account: str = Field(default="", description="whose ledger in that database")
    day_offsets: dict[str, Annotated[int, Field(ge=-12, le=14)]] = Field(
        default_factory=dict, description="hours that the days of a venue's bars are ahead of UTC"
    )
    known_events: Path = Path("config/known_events.toml")
    trading_hours: Path = Path("config/trading_hours.toml")
    data_docs: str = Field(
        default="", description="folder for Great Expectations' pages on the candles"
    )

    @property
    def ledger_source(self) -> LedgerSource:
        """The executor's ledger: the file, or the database; the password is in the environment."""
        return LedgerSource(self.ledger_url or str(self.ledger), self.ledger_account or None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the TOML file."""
        del dotenv_settings, file_secret_settings
        file = TomlConfigSettingsSource(settings_cls, settings_file())
        return init_settings, env_settings, file

    @field_validator("grids", mode="before")
    @classmethod
    def _add_to_the_built_in(cls, given: object) -> object:
        """A table [grids.X] replaces the grids of X and leaves those of the others."""
        return {**_default_grids(), **given} if isinstance(given, dict) else given

    @property
    def threads(self) -> int:
        """Number of threads; the number of cores unless it is set."""
        return self.workers or os.cpu_count() or 1

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """The names that share the budget of looks: strategies, and models if they are trained."""
        return tuple(dict.fromkeys((*self.strategies, *(MODEL_TARGETS if self.models else ()))))

    def grids_of(self, strategy: str) -> StrategyGrids:
        """Return the grids of ``strategy``; `SettingsError` when the settings have none."""
        if strategy not in self.grids:
            raise SettingsError(
                f"no search grid is set for strategy {strategy!r}: add [grids.{strategy}.long] and"
                f" [grids.{strategy}.recent] to {settings_file()}"
            )
        return self.grids[strategy]


def settings_file() -> Path:
    """Return the path of the TOML file, which need not exist."""
    return Path(os.environ.get(FILE_VARIABLE, home_folder() / "config" / "research.toml"))


def home_folder() -> Path:
    """Return the folder in which relative paths start.

    It is the working folder if that has settings of its own (`nocturne init`), else the checkout;
    where Nocturne was installed from a wheel, it is the working folder.
    """
    here = Path.cwd()
    own = (here / "config" / "research.toml").is_file()
    return here if own or not (PROJECT / "pyproject.toml").is_file() else PROJECT


def load_settings(**overrides: object) -> ResearchSettings:
    """Read the settings; ``overrides`` that are None count as not given.

    Paths are made absolute, so that they mean the same in another process. Raises
    `SettingsError` with the name and value of the first setting that is wrong.
    """
    file = settings_file()
    if FILE_VARIABLE in os.environ and not file.is_file():
        raise SettingsError(f"settings file {file} ({FILE_VARIABLE}) does not exist")
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = ResearchSettings(**given)  # type: ignore[arg-type]
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {file} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"research setting {place!r} is {first.get('input')!r}: {first['msg'].lower()}"
        ) from error
    local_path(settings.lake)  # made absolute, an object store's address would pass for a folder
    home = home_folder()
    absolute = {
        name: (home / getattr(settings, name)).resolve()
        for name in ("lake", "sample", "work", "ledger", "known_events", "trading_hours")
    }
    for name in ("sample", "known_events", "trading_hours"):
        # What the folder does not have is taken from what Nocturne brings along.
        if name not in settings.model_fields_set and not absolute[name].exists():
            absolute[name] = (PROJECT / getattr(settings, name)).resolve()
    pages = str((home / settings.data_docs).resolve()) if settings.data_docs else ""
    return settings.model_copy(update={**absolute, "data_docs": pages})
