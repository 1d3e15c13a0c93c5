"""What the dashboard is given when it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.executor_feed import Control, Follow
from lake.ledger_database import LedgerSource

Explain = Callable[[str], Sequence[str]]
"""Traces an order back to its data; returns lines."""


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """Where the executor's state and the releases lie, and where the dashboard listens."""

    state: Path
    published: Path
    password_hash: str
    settings_file: str = "config/settings.toml"
    host: str = "127.0.0.1"
    port: int = 8050
    hosts: frozenset[str] = field(default_factory=frozenset)
    ledger: LedgerSource | None = None
    """Where it is, if not in the folder of the state."""
    day_begins: int = 0
    """Hour (UTC) at which a trading day begins."""
    daily_loss_limit: float = 0.0
    """Share of the equity that ends a day; 0 if it is not known."""
    timezone: str = "UTC"
    """Of every time that is shown."""
    prefect_url: str = "http://127.0.0.1:4200"
    """The server whose flow runs are listed and linked."""

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host names under which a browser may ask."""
        names = {self.host, "localhost"}
        return self.hosts | {f"{name}:{self.port}" for name in names}

    @property
    def source(self) -> LedgerSource:
        """The ledger that is shown."""
        return self.ledger or LedgerSource(str(self.state / "ledger.sqlite"))


@dataclass(frozen=True, slots=True)
class ExecutorAccess:
    """How the executor is reached; None where it is not."""

    control: Control | None = None
    follow: Follow | None = None
    explain: Explain | None = None
