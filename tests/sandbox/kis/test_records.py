"""State, ledger, audit, faults and dates serve KIS as they serve the other venues."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from sandbox.audit.exchange_ledger import audit_ledger
from sandbox.market.date_shift import shift_to
from sandbox.server.settings import read_options
from tests.sandbox.kis.conftest import FRIDAY, Kis
from tests.sandbox.kis.test_market import connected
from tests.sandbox.wire import inject_fault
from trading.candles import DAY_MS, WEEK_MS

NOTICE = "H0STCNI9"


async def test_balances_and_orders_survive_a_restart_and_the_audit_agrees(
    kis: Kis, tmp_path: Path
) -> None:
    files = {"ledger": tmp_path / "ledger.sqlite", "state": tmp_path / "state.sqlite"}
    async with kis(**files) as (_, client):
        await client.order("buy", 10)
        odno = (await client.order("buy", 5, 55_000))["output"]["ODNO"]
        before = await client.balance()
    async with kis(**files) as (_, client):
        assert await client.balance() == before
        assert (await client.change(odno, "02"))["rt_cd"] == "0"
        await client.order("sell", 4)
        refused = await client.order("buy", 10_000, 60_000)
        assert refused["rt_cd"] == "1"
        _, sums = await client.balance()
    report = audit_ledger(files["ledger"])
    assert report.violations == []
    assert report.spot_balances["main 005930"] == "6"
    assert report.spot_balances["main KRW"] == sums["prvs_rcdl_excc_amt"]
    assert report.refused_requests == 1


async def test_ledger_keeps_no_secret(kis: Kis, tmp_path: Path) -> None:
    async with kis(ledger=tmp_path / "ledger.sqlite") as (_, client):
        await client.order("buy", 1)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        rows = connection.execute("select path, params from requests").fetchall()
    assert next(path for path, _ in rows) == "/oauth2/tokenP"
    assert not any("appsecret" in params for _, params in rows)


async def test_faults_strike_orders_and_answer_in_the_form_of_kis(kis: Kis) -> None:
    async with kis() as (server, client):
        path = "order-cash$"
        await inject_fault(server, "reject", path=path, code=-40_250_000, message="no")
        answer = await client.order("buy", 1)
        assert answer == {"rt_cd": "1", "msg_cd": "40250000", "msg1": "no"}
        await inject_fault(server, "rate_limit", path=path)
        assert (await client.order("buy", 1))["msg_cd"] == "EGW00201"
        assert await client.executions() == []
        await inject_fault(server, "drop_response", path=path)
        with pytest.raises(aiohttp.ClientError):
            await client.order("buy", 1)
        assert len(await client.executions()) == 1


async def test_faults_strike_notices_and_trades_alone(kis: Kis) -> None:
    async with kis() as (server, client):
        socket = await connected(client)
        await socket.ask(NOTICE, "hts")
        await inject_fault(server, "drop_user", count=1)
        await client.order("buy", 2)
        row = await socket.frame(NOTICE)
        assert row[13] == "2"  # the notice of the acceptance was dropped
        await inject_fault(server, "alter_user", field="CNTG_QTY", value='"7"')
        await client.order("buy", 1, 55_000)
        assert (await socket.frame(NOTICE))[9] == "7"
        await inject_fault(server, "disconnect_user")
        message = await socket.socket.receive(timeout=60)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_foreign_order_and_price_jump_happen(kis: Kis) -> None:
    async with kis() as (server, client):
        await inject_fault(server, "foreign_order", symbol="005930", side="BUY", quantity="3")
        assert (await client.balance())[0][0]["hldg_qty"] == "3"
        await inject_fault(server, "price_jump", symbol="005930", price="50000")
        body = await client.quotation("inquire-price", "FHKST01010100")
        assert body["output"]["stck_prpr"] == "50000"
        assert body["output"]["prdy_vrss"] == "-10000"


def test_redated_sessions_keep_their_hours_and_weekdays() -> None:
    now = FRIDAY + 75 * DAY_MS + 12_345_678
    shift = shift_to(FRIDAY, now, WEEK_MS)
    assert shift % WEEK_MS == 0
    assert now - WEEK_MS < FRIDAY + shift <= now


def test_accounts_hold_won_unless_options_say_otherwise() -> None:
    options = {
        "venue": "kis", "candles": Path("x"), "begin": None, "end": None, "balance": [],
        "symbols": "",
    }  # fmt: skip
    assert read_options(options).balances == {"KRW": Decimal(10_000_000)}
    assert read_options(options | {"venue": "usdm"}).balances == {"USDT": Decimal(10_000)}
    given = read_options(options | {"balance": ["KRW=5"]})
    assert given.balances == {"KRW": Decimal(5)}
