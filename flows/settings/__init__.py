"""Settings of the research flows: one frozen model, read where a flow starts, then passed down.

In order of precedence: arguments, environment (``NOCTURNE_RESEARCH_LAKE=…``, nested with ``__``),
the file ``config/research.toml`` (or the one named by ``NOCTURNE_RESEARCH_FILE``), the defaults.
"""

from __future__ import annotations

from flows.settings.data import DownloadSettings, ValidationSettings
from flows.settings.folders import FILE_VARIABLE, PROJECT, home_folder, settings_file
from flows.settings.research import ResearchSettings, load_settings
from flows.settings.results import (
    ParitySettings,
    ReportSettings,
    RetentionSettings,
    TrainingSettings,
)
from flows.settings.runner import RunnerSettings
from flows.settings.search import Objective, StrategyGrids, WalkForwardSettings

__all__ = [
    "DownloadSettings",
    "FILE_VARIABLE",
    "Objective",
    "PROJECT",
    "ParitySettings",
    "ReportSettings",
    "ResearchSettings",
    "RetentionSettings",
    "RunnerSettings",
    "StrategyGrids",
    "TrainingSettings",
    "ValidationSettings",
    "WalkForwardSettings",
    "home_folder",
    "load_settings",
    "settings_file",
]
