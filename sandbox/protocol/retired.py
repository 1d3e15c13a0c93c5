"""Endpoints that Binance retired: refused with 410, or served again on request."""

from __future__ import annotations

# Path -> the day it was retired ('' where the day is unknown).
PATHS = {
    "/api/v3/userDataStream": "2026-02-20",
    "/sapi/v1/userDataStream": "2026-02-20",
    "/sapi/v1/userDataStream/isolated": "2026-02-20",
    "/fapi/v1/account": "",
    "/fapi/v1/balance": "",
    "/fapi/v1/positionRisk": "",
    "/fapi/v1/allForceOrders": "",
}
ROOTS = {"/api/v1/": "", "/wapi/": ""}
SUCCESSORS = {
    "/fapi/v1/account": "/fapi/v2/account",
    "/fapi/v1/balance": "/fapi/v2/balance",
    "/fapi/v1/positionRisk": "/fapi/v2/positionRisk",
}


def refusal(path: str) -> str:
    """Return why a path is refused; empty when it was never retired."""
    since = PATHS.get(path)
    for root, day in ROOTS.items():
        if path.startswith(root):
            since = day
    if since is None:
        return ""
    return f"This endpoint was retired on {since}." if since else "This endpoint was retired."


def successor(path: str) -> str:
    """Return the successor of a retired path; empty when there is none."""
    if path.startswith("/api/v1/"):
        return path.replace("/api/v1/", "/api/v3/", 1)
    return SUCCESSORS.get(path, "")
