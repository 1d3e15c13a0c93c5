"""Listen keys of spot, which were retired on 2026-02-20; served with `--retired` only."""

from __future__ import annotations

from typing import Any

from sandbox import errors
from sandbox.calls import KEY, Route, names
from sandbox.clock import wall_ms
from sandbox.spot.call import SpotCall


def start(call: SpotCall) -> dict[str, Any]:
    """`POST /userDataStream`: the active key, extended."""
    return {"listenKey": call.exchange.listen_keys.start(call.account.name, wall_ms())}


def keep(call: SpotCall) -> dict[str, Any]:
    """`PUT /userDataStream`."""
    if not call.exchange.listen_keys.keep(call.account.name, wall_ms()):
        raise errors.NO_LISTEN_KEY()
    return {}


def stop(call: SpotCall) -> dict[str, Any]:
    """`DELETE /userDataStream`."""
    call.exchange.listen_keys.stop(call.account.name)
    return {}


PATH = "/api/v3/userDataStream"
KNOWN = names("listenKey")
ROUTES = {
    ("POST", PATH): Route(start, KEY, 2, known=KNOWN),
    ("PUT", PATH): Route(keep, KEY, 2, known=KNOWN),
    ("DELETE", PATH): Route(stop, KEY, 2, known=KNOWN),
}
