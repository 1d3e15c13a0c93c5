"""Every setting of the flows in one frozen model, and how it is read."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from flows.settings.data import DownloadSettings, ValidationSettings
from flows.settings.folders import FILE_VARIABLE, PROJECT, home_folder, settings_file
from flows.settings.results import (
    ParitySettings,
    ReportSettings,
    RetentionSettings,
    TrainingSettings,
)
from flows.settings.runner import RunnerSettings
from flows.settings.search import Objective, StrategyGrids, WalkForwardSettings, default_grids
from lake.files import local_path
from lake.ledger_database import LedgerSource
from trading.defaults import CAPITAL, FEE_BPS, SLIPPAGE_BPS
from trading.errors import SettingsError
from trading.model_targets import MODEL_TARGETS, entry_target


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
    grids: dict[str, StrategyGrids] = Field(default_factory=default_grids)
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
        return {**default_grids(), **given} if isinstance(given, dict) else given

    @property
    def threads(self) -> int:
        """Number of threads; the number of cores unless it is set."""
        return self.workers or os.cpu_count() or 1

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """The names that share the budget of looks: strategies, and models if they are trained."""
        return tuple(dict.fromkeys((*self.strategies, *self.model_targets)))

    @property
    def model_targets(self) -> tuple[str, ...]:
        """The targets that the nightly trains, those of the strategies' entries last."""
        if not self.models:
            return ()
        entries = self.strategies if self.training.entries else ()
        return (*MODEL_TARGETS, *(entry_target(name) for name in dict.fromkeys(entries)))

    def grids_of(self, strategy: str) -> StrategyGrids:
        """Return the grids of ``strategy``; `SettingsError` when the settings have none."""
        if strategy not in self.grids:
            raise SettingsError(
                f"no search grid is set for strategy {strategy!r}: add [grids.{strategy}.long] and"
                f" [grids.{strategy}.recent] to {settings_file()}"
            )
        return self.grids[strategy]


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
