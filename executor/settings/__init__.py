"""Settings of the executor: one frozen model, passed down from the start.

The TOML file holds everything except the keys. They come from the environment, or from a `.env`
file of mode 600 beside the settings file.
"""

from executor.settings.changed import read_changed, write_changed
from executor.settings.files import load_settings
from executor.settings.first_week import FirstWeek
from executor.settings.keys import (
    LEDGER_PASSWORD_VARIABLE,
    ApiKey,
    Keys,
    load_addresses,
    load_demo_key,
    load_keys,
)
from executor.settings.overrides import read_overrides
from executor.settings.sections import (
    LiveSettings,
    MetricsSettings,
    Mode,
    ProtectionSettings,
    RiskSettings,
    Settings,
    StrategySettings,
    TimingSettings,
    VenueSettings,
)

__all__ = [
    "LEDGER_PASSWORD_VARIABLE",
    "ApiKey",
    "FirstWeek",
    "Keys",
    "LiveSettings",
    "MetricsSettings",
    "Mode",
    "ProtectionSettings",
    "RiskSettings",
    "Settings",
    "StrategySettings",
    "TimingSettings",
    "VenueSettings",
    "load_keys",
    "load_settings",
    "load_addresses",
    "load_demo_key",
    "read_changed",
    "read_overrides",
    "write_changed",
]
