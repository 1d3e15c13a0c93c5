"""A venue as a plug-in: its hosts, and how to connect to an account there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from executor.venues.interface import ConnectionSettings, VenueConnection


@dataclass(frozen=True, slots=True)
class VenueHosts:
    """Base URLs without a path.

    ``account_urls`` and ``user_urls`` give, by REST and stream URL, the hosts of the key's
    permissions and of the user stream where they differ. ``real`` names the hosts where orders cost
    money, ``test`` finds those of test networks.
    """

    rest_url: str
    ws_url: str
    real: frozenset[str]
    test: re.Pattern[str]
    account_urls: Mapping[str, str] = field(default_factory=dict)
    user_urls: Mapping[str, str] = field(default_factory=dict)
    demo_url: str = ""
    """REST host of the exchange's own test network; empty where it has none."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """What a connection to an account is made from; ``stale_s`` is None in lockstep."""

    settings: ConnectionSettings
    key: str
    secret: str
    stale_s: float | None
    keepalive_s: float


@dataclass(frozen=True, slots=True)
class VenuePlugin:
    """One venue: the object ``VENUE`` of its module, or of an entry point."""

    name: str
    hosts: VenueHosts
    connect: Callable[[ConnectionRequest], VenueConnection]
    mask: Callable[[str], str] = str
    """Hides what must not be logged in the texts of this venue."""
