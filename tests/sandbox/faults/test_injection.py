"""Every fault of requests and incidents, as a client sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.faults.client import inject_faults
from sandbox.faults.injection import KINDS
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, until
from tests.sandbox.wire import STOP, Wire
from trading.candles import MINUTE_MS
from trading.errors import SettingsError

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.mark.parametrize(
    ("kind", "status", "code", "accepted"),
    [
        ("internal_503", 503, -1000, False),
        ("lost_503", 503, -1000, False),
        ("unknown_503", 503, -1000, True),
        ("timeout_1006", 408, -1006, True),
        ("ban", 418, -1003, False),
    ],
)
async def test_response_does_not_reveal_what_happened(
    wire: Wire, kind: str, status: int, code: int, *, accepted: bool
) -> None:
    await wire.fault(kind, path="/order$", seconds=7)
    answered, body = await wire.order()
    assert (answered, body["code"]) == (status, code)
    assert await wire.position() == ("0.01" if accepted else "0")
    if status == 418:
        assert wire.rest.headers.get("Retry-After") is None  # of the later, successful response
    assert (await wire.order())[0] == 200


async def test_dropped_request_has_no_effect(wire: Wire) -> None:
    await wire.fault("drop_request", path="/order$")
    with pytest.raises(aiohttp.ClientError):
        await wire.order()
    assert await wire.position() == "0"


async def test_throttling_spares_reducing_requests(wire: Wire) -> None:
    await wire.order()
    await wire.fault("throttled", path="/order$", count=5)
    assert (await wire.order())[1]["code"] == -1008
    assert (await wire.order(side="SELL", reduceOnly="true"))[0] == 200


async def test_held_request_is_accepted_late_or_too_old(wire: Wire) -> None:
    await wire.fault("hold_request", path="/order$", seconds=0.3, count=2)
    began = time.monotonic()
    assert (await wire.order())[0] == 200
    assert time.monotonic() - began > 0.25
    assert (await wire.order(recvWindow="100"))[1]["code"] == -1021
    assert await wire.position() == "0.01"


async def test_delayed_response_belongs_to_an_order_that_exists_already(wire: Wire) -> None:
    await wire.fault("delay_response", path="/order$", seconds=0.5)
    pending = asyncio.create_task(wire.order())
    await until(lambda: wire.server.exchange.engine.busy("BTCUSDT"))
    assert not pending.done()
    assert (await pending)[0] == 200


async def test_garbled_response_is_not_json(wire: Wire) -> None:
    await wire.fault("garble_response", path="/order$")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        await wire.order()
    assert await wire.position() == "0.01"


async def test_trickling_response_outlasts_a_timeout(wire: Wire) -> None:
    await wire.fault("trickle_response", path="/time$")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await wire.rest.plain("GET", "/fapi/v1/time")


async def test_requests_during_closed_limits_lead_to_a_ban(wire: Wire) -> None:
    await wire.fault("rate_limit_window", seconds=30, count=3)
    statuses = [(await wire.rest.plain("GET", "/fapi/v1/ping"))[0] for _ in range(6)]
    assert statuses == [429, 429, 429, 429, 418, 418]
    assert int(wire.rest.headers["Retry-After"]) > 60


async def test_expired_listen_key_sends_its_event(wire: Wire) -> None:
    socket = await wire.user()
    await wire.fault("expire_listen_key")
    assert (await socket.receive_json(timeout=5))["e"] == "listenKeyExpired"
    assert (await wire.rest.plain("PUT", "/fapi/v1/listenKey"))[1]["code"] == -1125


async def test_shutdown_is_announced_before_the_cut(wire: Wire) -> None:
    socket = await wire.user()
    await wire.fault("server_shutdown", seconds=0.1)
    assert (await socket.receive_json(timeout=5))["e"] == "serverShutdown"
    assert (await socket.receive(timeout=5)).type is not aiohttp.WSMsgType.TEXT


async def test_clock_has_skew_and_drift(wire: Wire) -> None:
    await wire.fault("skew", seconds=-5)
    _, body = await wire.rest.plain("GET", "/fapi/v1/time")
    assert -5_500 < body["serverTime"] - time.time() * 1000 < -4_500
    assert (await wire.order())[1]["code"] == -1021
    await wire.fault("skew", seconds=0)
    await wire.fault("drift", seconds=6000)
    await until(lambda: wire.server.venues.faults.exchange_ms() - time.time() * 1000 > 50)


async def test_maintenance_refuses_everything_for_a_while(wire: Wire) -> None:
    socket = await wire.market()
    await wire.fault("maintenance", seconds=0.4)
    assert await wire.order() == (503, "Service Unavailable.")
    async with asyncio.timeout(5):
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    await until(lambda: not wire.server.venues.faults.closed)
    assert (await wire.order())[0] == 200


async def test_restart_keeps_the_state_or_loses_the_last_seconds(wire: Wire) -> None:
    await wire.order()
    await wire.fault("checkpoint")
    await wire.order()
    await wire.fault("restart", seconds=0.2)
    with pytest.raises(aiohttp.ClientError):
        await wire.order()
    await until(lambda: not wire.server.venues.faults.silent)
    assert await wire.position() == "0.02"
    await wire.fault("restart", seconds=0.01, rollback=True)
    await until(lambda: not wire.server.venues.faults.silent)
    assert await wire.position() == "0.01"


async def test_stop_fires_and_its_child_expires_unfilled(wire: Wire) -> None:
    socket = await wire.user()
    await wire.order()
    await wire.rest.signed("POST", "/fapi/v1/algoOrder", **STOP)
    await wire.fault("kill_child")
    await wire.fault("price_jump", symbol="BTCUSDT", price="97000")
    updates = [m["o"] for m in await wire.events(socket, 10) if m["e"] == "ALGO_UPDATE"]
    assert updates[-1]["X"] == "FINISHED"
    assert updates[-1]["aq"] == "0"
    assert await wire.position() == "0.01"


async def test_filters_and_status_change(wire: Wire) -> None:
    await wire.fault("set_filter", symbol="BTCUSDT", step="0.1")
    assert (await wire.order())[1]["code"] in (-1111, -4004)
    _, info = await wire.rest.plain("GET", "/fapi/v1/exchangeInfo")
    assert info["symbols"][0]["filters"][1]["stepSize"] == "0.1"
    await wire.fault("set_status", symbol="BTCUSDT", status="CANCEL_ONLY")
    assert (await wire.order(quantity="0.1"))[1]["code"] == -4140


@pytest.mark.parametrize(
    ("kind", "prefix"), [("liquidate", "autoclose-"), ("adl", "adl_autoclose")]
)
async def test_exchange_closes_the_position(wire: Wire, kind: str, prefix: str) -> None:
    await wire.order()
    socket = await wire.user()
    await wire.fault(kind, symbol="BTCUSDT")
    orders = [m["o"] for m in await wire.events(socket, 4) if m["e"] == "ORDER_TRADE_UPDATE"]
    assert orders[-1]["c"].startswith(prefix)
    assert (orders[-1]["x"], await wire.position()) == ("CALCULATED", "0")


async def test_foreign_actor_trades_cancels_and_changes_settings(wire: Wire) -> None:
    socket = await wire.user()
    await wire.fault("foreign_order", symbol="BTCUSDT", side="SELL", quantity="0.02")
    assert (await wire.events(socket, 1))[0]["o"]["c"].startswith("web_")
    assert await wire.position() == "-0.02"
    await wire.fault("foreign_leverage", symbol="BTCUSDT", leverage=3)
    _, rows = await wire.rest.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")
    assert rows[0]["leverage"] == 3
    stop = STOP | {"side": "BUY", "triggerPrice": "103000"}
    await wire.rest.signed("POST", "/fapi/v1/algoOrder", **stop)
    await wire.fault("foreign_cancel", symbol="BTCUSDT")
    assert (await wire.rest.signed("GET", "/fapi/v1/openAlgoOrders"))[1] == []
    await wire.fault("foreign_order", symbol="BTCUSDT", side="BUY", quantity="0.02")
    await wire.fault("foreign_margin", symbol="BTCUSDT")
    _, rows = await wire.rest.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")
    assert rows[0]["marginType"] == "ISOLATED"
    await wire.fault("foreign_mode")
    assert (await wire.order())[1]["code"] == -4061


async def test_injected_funding_changes_the_wallet(wire: Wire) -> None:
    await wire.order()
    await wire.fault("funding", symbol="BTCUSDT", quantity="0.01")
    _, rows = await wire.rest.signed("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert float(rows[0]["income"]) < 0


async def test_spot_user_stream_is_terminated(serving: Serving) -> None:
    async with serving(venue="spot") as server, aiohttp.ClientSession() as session:
        wire = Wire(server, session)
        from sandbox.protocol.signing import sign

        stamp = int(time.time() * 1000)
        params = {"apiKey": "sandbox", "timestamp": stamp}
        params["signature"] = sign("sandbox", f"apiKey=sandbox&timestamp={stamp}")
        async with session.ws_connect(f"{wire.ws}/ws-api/v3") as socket:
            method = "userDataStream.subscribe.signature"
            await socket.send_json({"id": 1, "method": method, "params": params})
            assert (await socket.receive_json(timeout=5))["result"] == {"subscriptionId": 0}
            await wire.fault("foreign_order", symbol="BTCUSDT", quantity="0.01")
            assert (await socket.receive_json(timeout=5))["event"]["c"].startswith("web_")
            await wire.fault("terminate_user")
            async with asyncio.timeout(5):
                while True:
                    event = (await socket.receive_json())["event"]
                    if event["e"] == "eventStreamTerminated":
                        break


async def test_scenario_acts_at_market_time_and_by_seeded_probability(
    serving: Serving, tmp_path: Path
) -> None:
    (tmp_path / "faults.toml").write_text(
        'seed = 7\n[[fault]]\nkind = "unknown_503"\npath = "ping"\n'
        "probability = 0.5\ncount = 1000\n"
        '[[fault]]\nkind = "foreign_order"\nsymbol = "BTCUSDT"\nquantity = "0.01"\n'
        "at = 2025-06-20T00:01:00Z\n"
    )
    seen = []
    for _ in range(2):
        async with (
            serving(clock="accelerated", speed=600.0, faults=tmp_path / "faults.toml") as server,
            aiohttp.ClientSession() as session,
        ):
            wire = Wire(server, session)
            await until(lambda server=server: server.exchange.engine.busy("BTCUSDT"))
            assert server.replay.now >= START + MINUTE_MS
            seen.append([(await wire.rest.plain("GET", "/fapi/v1/ping"))[0] for _ in range(20)])
    assert set(seen[0]) == {200, 503}
    assert seen[0] == seen[1]


async def test_fault_command_injects_lists_and_clears(wire: Wire) -> None:
    url = wire.server.url

    def ask(*arguments: Any, **options: Any) -> str:
        return inject_faults(url, *arguments, **options)

    answer = await asyncio.to_thread(
        ask, "reject", ["count=2", "path=algoOrder"], None, clear=False
    )
    assert '"count": 2' in answer
    assert '"reject"' in await asyncio.to_thread(ask, "", [], None, clear=False)
    assert await asyncio.to_thread(ask, "", [], None, clear=True) == "[]"
    with pytest.raises(SettingsError, match="'meteor' is unknown"):
        await asyncio.to_thread(ask, "meteor", [], None, clear=False)
    with pytest.raises(SettingsError, match="holds no BTCUSDT"):
        await asyncio.to_thread(ask, "liquidate", ["symbol=BTCUSDT"], None, clear=False)


def test_every_kind_of_fault_is_tested() -> None:
    texts = [path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py")]
    assert [kind for kind in KINDS if not any(f'"{kind}"' in text for text in texts)] == []


async def test_request_that_a_proxy_repeats_is_handled_twice(wire: Wire) -> None:
    await wire.fault("repeat_request", path="/order$", count=2)
    assert (await wire.order(newClientOrderId="again"))[0] == 200
    assert await wire.position() == "0.02"  # the id was free again after its order filled
    rest = {"type": "LIMIT", "timeInForce": "GTC", "price": "96000", "newClientOrderId": "rests"}
    assert (await wire.order(**rest))[1]["code"] == -4116
