"""The keys: from the environment, or from a `.env` file of mode 600 beside the settings file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from executor.runtime.alert_settings import AlertAddresses, alert_addresses
from executor.runtime.env_file import read_env
from executor.settings.sections import Settings
from trading.errors import SettingsError

KEY_VARIABLE = "NOCTURNE_{name}_KEY"
SECRET_VARIABLE = "NOCTURNE_{name}_SECRET"
DEMO = "{name}_DEMO"
"""The name of the keys of the same exchange's test network."""
LEDGER_PASSWORD_VARIABLE = "NOCTURNE_LEDGER_PASSWORD"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key with its secret; both are masked wherever they are printed."""

    key: SecretStr
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Keys:
    """What must stay secret: API keys by venue, and where alerts go."""

    venues: Mapping[str, ApiKey]
    alerts: AlertAddresses = field(default_factory=AlertAddresses)
    ledger: SecretStr | None = None
    """Password of the ledger's database."""

    def texts(self) -> tuple[str, ...]:
        """All secrets in clear text, for masking."""
        parts = [part for found in self.venues.values() for part in (found.key, found.secret)]
        parts += [self.ledger] if self.ledger is not None else []
        found = [part.get_secret_value() for part in parts]
        return tuple(dict.fromkeys([*found, *self.alerts.texts]))


def load_keys(
    settings_file: Path, settings: Settings, environment: Mapping[str, str] | None = None
) -> Keys:
    """Each key from the environment, else from `.env` beside the settings file (mode 600).

    Raises:
        SettingsError: a key is missing, or the `.env` file can be read by others.
    """
    given = os.environ if environment is None else environment
    env_file = settings_file.resolve().parent / ".env"
    known = _known(env_file, given)
    names = {venue.keys: _variables(venue.keys) for venue in settings.venues.values()}
    missing = [name for pair in names.values() for name in pair if not known.get(name)]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} not set; put them into the environment or into {env_file}"
            " with mode 600"
        )
    found = {
        name: ApiKey(*(SecretStr(known[variable]) for variable in names[venue.keys]))
        for name, venue in settings.venues.items()
    }
    password = known.get(LEDGER_PASSWORD_VARIABLE, "")
    return Keys(found, alert_addresses(known), SecretStr(password) if password else None)


def load_demo_key(settings_file: Path, keys: str) -> ApiKey:
    """Return the key of the test network that belongs to the live keys named ``keys``.

    Raises:
        SettingsError: it is not set, or the `.env` file can be read by others.
    """
    env_file = settings_file.resolve().parent / ".env"
    known = _known(env_file, os.environ)
    variables = _variables(DEMO.format(name=keys))
    missing = [variable for variable in variables if not known.get(variable)]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} not set; make a key on the exchange's test network and put it"
            f" into {env_file} with mode 600"
        )
    return ApiKey(*(SecretStr(known[variable]) for variable in variables))


def load_addresses(settings_file: Path) -> AlertAddresses:
    """Return the addresses of alerts: from the environment, else from `.env` as `load_keys`."""
    env_file = settings_file.resolve().parent / ".env"
    return alert_addresses(_known(env_file, os.environ))


def _known(env_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of both; what the environment sets wins, unless it is empty."""
    known = read_env(env_file) if env_file.exists() else {}
    return known | {name: value for name, value in environment.items() if value}


def _variables(name: str) -> tuple[str, str]:
    return KEY_VARIABLE.format(name=name), SECRET_VARIABLE.format(name=name)
