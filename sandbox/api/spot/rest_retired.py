"""Spot listen keys, retired on 2026-02-20; served with `--retired` only."""

from __future__ import annotations

from typing import Any

from sandbox.api.requests import KEY, Route, names
from sandbox.api.spot.call import SpotCall
from sandbox.engines.common import error_codes
from sandbox.market.clock import wall_ms


def start(call: SpotCall) -> dict[str, Any]:
    """`POST /userDataStream`: the active key, extended."""
    return {"listenKey": call.exchange.listen_keys.start(call.account.name, wall_ms())}


def keep(call: SpotCall) -> dict[str, Any]:
    """`PUT /userDataStream`."""
    if not call.exchange.listen_keys.keep(call.account.name, wall_ms()):
        raise error_codes.NO_LISTEN_KEY()
    return {}


def stop(call: SpotCall) -> dict[str, Any]:
    """`DELETE /userDataStream`: its user streams end."""
    key = call.exchange.listen_keys.stop(call.account.name)
    call.exchange.hub.end_user(key)
    return {}


PATH = "/api/v3/userDataStream"
KNOWN = names("listenKey")
ROUTES = {
    ("POST", PATH): Route(start, KEY, 2, known=KNOWN),
    ("PUT", PATH): Route(keep, KEY, 2, known=KNOWN),
    ("DELETE", PATH): Route(stop, KEY, 2, known=KNOWN),
}
