"""Orders of Korean stocks: sessions, steps, limits, corrections, cancels, executions, notices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kis.client import ACCOUNT, TRADING
from tests.sandbox.kis.conftest import FRIDAY, Kis, step
from tests.sandbox.kis.test_market import connected
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

NOTICE = "H0STCNI9"


async def test_market_order_fills_and_the_balance_shows_it(kis: Kis) -> None:
    async with kis() as (_, client):
        answer = await client.order("buy", 10)
        assert (answer["rt_cd"], len(answer["output"]["ODNO"])) == ("0", 10)
        row = (await client.executions())[0]
        assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("10", "60100.0000")
        holdings, sums = await client.balance()
        assert (holdings[0]["pdno"], holdings[0]["hldg_qty"]) == ("005930", "10")
        fee = int(601_000 * 0.000140527)
        assert sums["prvs_rcdl_excc_amt"] == str(10_000_000 - 601_000 - fee)
        assert (sums["dnca_tot_amt"], sums["thdt_tlex_amt"]) == ("10000000", str(fee))


async def test_sale_pays_commission_and_tax(kis: Kis) -> None:
    async with kis() as (_, client):
        await client.order("buy", 10)
        await client.order("sell", 10)
        holdings, sums = await client.balance()
        charged = int(601_000 * 0.000140527) + int(599_000 * 0.000140527) + int(599_000 * 0.0015)
        assert sums["prvs_rcdl_excc_amt"] == str(10_000_000 - 2_000 - charged)
        assert (holdings[0]["hldg_qty"], holdings[0]["thdt_sll_qty"]) == ("0", "10")


async def test_trade_is_settled_two_trading_days_later(kis: Kis) -> None:
    begin = FRIDAY - 2 * DAY_MS  # Wednesday: settled on Friday
    async with kis(begin=begin) as (_, client):
        await client.order("buy", 1)
        seen = []
        for _ in range(3):
            _, sums = await client.balance()
            names = ("dnca_tot_amt", "nxdy_excc_amt", "prvs_rcdl_excc_amt")
            seen.append([int(sums[name]) < 10_000_000 for name in names])
            await step(client, 24 * 60)
        assert seen == [[False, False, True], [False, True, True], [True, True, True]]


@pytest.mark.parametrize(
    ("side", "quantity", "price", "text"),
    [
        ("buy", 1, 60_050, "호가단위"),
        ("buy", 1, 78_100, "상/하한가"),
        ("sell", 1, 41_900, "상/하한가"),
        ("buy", 1_000, 60_000, "주문가능금액"),
        ("buy", 130, 0, "주문가능금액"),
        ("sell", 1, 60_000, "잔고내역"),
        ("buy", 0, 60_000, "주문수량"),
    ],
)
async def test_orders_against_the_rules_are_refused(
    kis: Kis, side: str, quantity: int, price: int, text: str
) -> None:
    async with kis() as (_, client):
        answer = await client.order(side, quantity, price)
        assert answer["rt_cd"] == "1"
        assert text in answer["msg1"]
        assert await client.executions() == []


@pytest.mark.parametrize(
    ("begin", "code"),
    [
        (FRIDAY - MINUTE_MS, "40570000"),
        (FRIDAY + 6 * HOUR_MS + 30 * MINUTE_MS, "40580000"),
        (FRIDAY + DAY_MS, "40100000"),
    ],
)
async def test_orders_outside_the_session_are_refused(kis: Kis, begin: int, code: str) -> None:
    async with kis(begin=begin) as (_, client):
        assert (await client.order("buy", 1))["msg_cd"] == code


async def test_correction_is_a_new_order_at_the_new_price(kis: Kis) -> None:
    async with kis() as (_, client):
        old = (await client.order("buy", 10, 55_000))["output"]["ODNO"]
        more = {"ORD_QTY": "4", "ORD_UNPR": "56000", "QTY_ALL_ORD_YN": "N"}
        new = (await client.change(old, "01", **more))["output"]["ODNO"]
        rows = {row["odno"]: row for row in await client.executions()}
        assert (rows[old]["ord_qty"], rows[old]["rmn_qty"]) == ("6", "6")
        assert (rows[new]["ord_qty"], rows[new]["ord_unpr"]) == ("4", "56000")
        assert rows[new]["orgn_odno"] == old
        everything = {"ORD_UNPR": "54000"}
        assert (await client.change(old, "01", **everything))["rt_cd"] == "0"
        refused = await client.change(old, "01", **everything)
        assert (refused["rt_cd"], refused["msg_cd"]) == ("1", "40330000")


async def test_refused_correction_leaves_the_order(kis: Kis) -> None:
    async with kis() as (_, client):
        old = (await client.order("buy", 150, 60_000))["output"]["ODNO"]
        answer = await client.change(old, "01", ORD_UNPR="77000")
        assert "주문가능금액" in answer["msg1"]
        assert (await client.executions())[0]["rmn_qty"] == "150"


async def test_cancel_of_a_part_and_of_the_rest(kis: Kis) -> None:
    async with kis() as (_, client):
        odno = (await client.order("buy", 10, 55_000))["output"]["ODNO"]
        await client.change(odno, "02", ORD_QTY="3", QTY_ALL_ORD_YN="N")
        assert (await client.executions())[0]["rmn_qty"] == "7"
        assert (await client.change(odno, "02"))["rt_cd"] == "0"
        row = (await client.executions())[0]
        assert (row["rmn_qty"], row["cncl_yn"], row["cnc_cfrm_qty"]) == ("0", "Y", "7")
        _, sums = await client.balance()
        assert sums["prvs_rcdl_excc_amt"] == "10000000"
        assert (await client.change(odno, "02"))["msg_cd"] == "40330000"


async def test_resting_order_fills_when_the_price_goes_through(kis: Kis) -> None:
    async with kis() as (_, client):
        await client.order("buy", 1, 60_000)
        assert (await client.executions())[0]["rmn_qty"] == "1"
        await step(client, 2)
        row = (await client.executions(CCLD_DVSN="01"))[0]
        assert (row["tot_ccld_qty"], row["avg_prvs"]) == ("1", "60000.0000")


async def test_orders_end_with_their_day(kis: Kis) -> None:
    begin = FRIDAY + 6 * HOUR_MS
    async with kis(begin=begin) as (_, client):
        await client.order("buy", 1, 55_000)
        await step(client, 31)
        row = (await client.executions())[0]
        assert (row["rmn_qty"], row["cncl_yn"]) == ("0", "N")
        _, body = await client.get(
            f"{TRADING}/inquire-psbl-order", "VTTC8908R",
            {**ACCOUNT, "PDNO": "005930", "ORD_UNPR": "50000", "ORD_DVSN": "00"},
        )  # fmt: skip
        assert body["output"]["ord_psbl_cash"] == "10000000"


@pytest.mark.parametrize(
    ("division", "price", "filled"),
    [("03", 0, "1"), ("04", 0, "0"), ("11", 60_000, "0"), ("12", 60_100, "1"), ("14", 0, "1")],
)
async def test_kinds_of_orders(kis: Kis, division: str, price: int, filled: str) -> None:
    async with kis() as (_, client):
        assert (await client.order("buy", 1, price, division))["rt_cd"] == "0"
        row = (await client.executions())[0]
        assert (row["ord_dvsn_cd"], row["tot_ccld_qty"]) == (division, filled)


async def test_stop_limit_waits_for_its_condition(kis: Kis) -> None:
    async with kis() as (_, client):
        more = {"CNDT_PRIC": "60100"}
        assert (await client.order("buy", 1, 60_200, "22", **more))["rt_cd"] == "0"
        assert (await client.executions())[0]["tot_ccld_qty"] == "0"
        await step(client, 2)
        assert (await client.executions())[0]["tot_ccld_qty"] == "1"


async def test_executions_come_in_pages(kis: Kis) -> None:
    async with kis() as (_, client):
        for _ in range(18):
            await client.order("buy", 1, 50_000)
        rows = await client.executions()
        assert [int(row["odno"]) for row in rows] == list(range(18, 0, -1))


async def notices(socket: Any, count: int) -> list[tuple[str, str, str, str]]:
    """Return CNTG_YN, ACPT_YN, RCTF_CLS and the quantity of the next notices."""
    rows = [await socket.frame(NOTICE) for _ in range(count)]
    assert all(len(row) == 26 for row in rows)
    return [(row[13], row[14], row[5], row[9]) for row in rows]


async def test_notices_of_orders_trades_corrections_and_cancels(kis: Kis) -> None:
    async with kis() as (_, client):
        socket = await connected(client)
        assert (await socket.ask(NOTICE, "hts"))["output"]["key"]
        await client.order("buy", 2)
        assert await notices(socket, 2) == [("1", "1", "0", "2"), ("2", "1", "0", "2")]
        odno = (await client.order("buy", 3, 55_000))["output"]["ODNO"]
        new = (await client.change(odno, "01", ORD_UNPR="56000"))["output"]["ODNO"]
        await client.change(new, "02")
        assert await notices(socket, 4) == [
            ("1", "1", "0", "3"), ("1", "2", "2", "3"), ("1", "1", "1", "3"), ("1", "2", "2", "3"),
        ]  # fmt: skip
