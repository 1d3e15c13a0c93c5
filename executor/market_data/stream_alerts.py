"""Alerts about streams that do not come back."""

from __future__ import annotations

from executor.model import StreamState
from executor.services import Services

FAILURES = 5
"""Connections in a row that brought nothing, after which a person should know."""


def say_stream_down(services: Services, event: StreamState) -> None:
    """Send an alert at the fifth failure in a row."""
    if event.failures == FAILURES:
        services.alerts.send(
            "stream does not come back", venue=event.venue, stream=event.name, why=event.detail
        )
