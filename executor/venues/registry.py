"""Venues by name: the folders beside this module, and entry points.

The folder ``<name>/`` holds the venue ``<name>``: its module ``venue.py`` defines ``VENUE``. A
venue from elsewhere comes from the entry-point group ``nocturne.venues``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from executor.venues.plugin import VenuePlugin
from trading.errors import SettingsError

GROUP = "nocturne.venues"
_HERE = Path(__file__).parent


@cache
def _folders() -> frozenset[str]:
    return frozenset(file.parent.name for file in _HERE.glob("*/venue.py"))


@cache
def _others() -> dict[str, VenuePlugin]:
    """Load the venues of the entry points; a name that is taken is a `SettingsError`."""
    from importlib.metadata import entry_points

    found: dict[str, VenuePlugin] = {}
    for point in entry_points(group=GROUP):
        plugin = point.load()
        if plugin.name in _folders() or plugin.name in found:
            raise SettingsError(
                f"venue '{plugin.name}' of entry point {point.value} has a name that is taken"
            )
        found[plugin.name] = plugin
    return found


def venue_names() -> list[str]:
    """The names of all venues, sorted."""
    return sorted((*_folders(), *_others()))


@cache
def get_venue(name: str) -> VenuePlugin:
    """The venue of this name; `SettingsError` when there is none."""
    if name in _folders():
        plugin: VenuePlugin = import_module(f"executor.venues.{name}.venue").VENUE
        return plugin
    if name not in _others():
        raise SettingsError(f"unknown venue '{name}'; known are {', '.join(venue_names())}")
    return _others()[name]
