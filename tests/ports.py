"""Ports of this machine that nothing listens on."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of the system's choice; the first free one of a range is that of others."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
