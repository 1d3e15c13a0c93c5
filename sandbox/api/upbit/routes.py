"""REST routes of Upbit, each with its rate group."""

from __future__ import annotations

from sandbox.api.upbit import rest_market, rest_orders

ROUTES = {**rest_market.ROUTES, **rest_orders.ROUTES}
