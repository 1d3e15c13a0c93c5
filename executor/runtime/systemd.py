"""systemd's notification protocol: one datagram per state, sent only under systemd."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


def notify(state: str, environment: Mapping[str, str] | None = None) -> bool:
    """Send e.g. ``READY=1`` or ``WATCHDOG=1``; False when systemd did not get it."""
    address = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall(state.encode())
    except OSError as error:
        # systemd may be gone; open positions need protection all the same.
        log.warning("systemd was not notified of %s: %s", state, error)
        return False
    return True
