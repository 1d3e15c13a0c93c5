"""REST routes of KIS."""

from __future__ import annotations

from sandbox.api.kis import rest_access, rest_market, rest_orders

ROUTES = {**rest_access.ROUTES, **rest_market.ROUTES, **rest_orders.ROUTES}
