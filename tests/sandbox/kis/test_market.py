"""Prices, candles and the book of Korean stocks."""

from __future__ import annotations

import aiohttp

from tests.sandbox.kis.client import GRANT, KisClient, KisSocket
from tests.sandbox.kis.conftest import Kis, step


async def test_price_has_its_limits_and_its_change(kis: Kis) -> None:
    async with kis() as (_, client):
        await step(client, 2)
        shown = (await client.quotation("inquire-price", "FHKST01010100"))["output"]
        assert (shown["stck_prpr"], shown["stck_sdpr"]) == ("60000", "60000")
        assert (shown["stck_mxpr"], shown["stck_llam"]) == ("78000", "42000")
        assert (shown["aspr_unit"], shown["prdy_vrss_sign"]) == ("100", "3")
        assert (shown["stck_hgpr"], shown["stck_lwpr"]) == ("60100", "59900")


async def test_book_has_ten_levels_a_step_apart(kis: Kis) -> None:
    async with kis() as (_, client):
        body = await client.quotation("inquire-asking-price-exp-ccn", "FHKST01010200")
        book = body["output1"]
        assert [book[f"askp{n}"] for n in (1, 2, 10)] == ["60100", "60200", "61000"]
        assert [book[f"bidp{n}"] for n in (1, 2, 10)] == ["59900", "59800", "59000"]
        total = sum(int(book[f"askp_rsqn{n}"]) for n in range(1, 11))
        assert book["total_askp_rsqn"] == str(total)


async def test_days_come_newest_first_without_the_weekend(kis: Kis) -> None:
    async with kis() as (_, client):
        span = {"FID_INPUT_DATE_1": "20250601", "FID_INPUT_DATE_2": "20250630"}
        more = {"FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0"}
        body = await client.quotation(
            "inquire-daily-itemchartprice", "FHKST03010100", **span, **more
        )
        days = [row["stck_bsop_date"] for row in body["output2"]]
        assert days == ["20250620", "20250619", "20250618"]
        assert body["output2"][1]["acml_vol"] == "391000"
        one = span | {"FID_INPUT_DATE_1": "20250619", "FID_INPUT_DATE_2": "20250619"}
        body = await client.quotation(
            "inquire-daily-itemchartprice", "FHKST03010100", **one, **more
        )
        assert [row["stck_bsop_date"] for row in body["output2"]] == ["20250619"]


async def test_minutes_come_in_pages_of_thirty_of_the_running_day(kis: Kis) -> None:
    async with kis() as (_, client):
        await step(client, 40)
        more = {"FID_PW_DATA_INCU_YN": "N", "FID_ETC_CLS_CODE": ""}
        call = ("inquire-time-itemchartprice", "FHKST03010200")
        body = await client.quotation(*call, FID_INPUT_HOUR_1="153000", **more)
        rows = body["output2"]
        assert len(rows) == 30
        assert (rows[0]["stck_cntg_hour"], rows[1]["stck_cntg_hour"]) == ("094000", "093900")
        body = await client.quotation(*call, FID_INPUT_HOUR_1="091000", **more)
        hours = [row["stck_cntg_hour"] for row in body["output2"]]
        assert (hours[0], hours[-1]) == ("091000", "090000")
        more["FID_PW_DATA_INCU_YN"] = "Y"
        body = await client.quotation(*call, FID_INPUT_HOUR_1="091000", **more)
        rows = body["output2"]
        assert (rows[11]["stck_bsop_date"], rows[11]["stck_cntg_hour"]) == ("20250619", "153000")


async def test_missing_field_is_named(kis: Kis) -> None:
    async with kis() as (_, client):
        path = "/uapi/domestic-stock/v1/quotations/inquire-price"
        _, body = await client.get(path, "FHKST01010100", {"FID_COND_MRKT_DIV_CODE": "J"})
        assert (body["msg_cd"], "FID_INPUT_ISCD" in body["msg1"]) == ("OPSQ2001", True)


async def connected(client: KisClient) -> KisSocket:
    keys = {"appkey": "sandbox", "secretkey": "sandbox"}
    _, body = await client.post("/oauth2/Approval", {**GRANT, **keys})
    url = client.url.replace("http", "ws", 1)
    socket = await client.session.ws_connect(f"{url}/tryitout")
    return KisSocket(socket, body["approval_key"])


async def test_socket_sends_trades_and_the_book(kis: Kis) -> None:
    async with kis(clock="accelerated", speed=60.0) as (_, client):
        socket = await connected(client)
        assert (await socket.ask("H0STCNT0", "005930"))["msg_cd"] == "OPSP0000"
        trade = await socket.frame("H0STCNT0")
        assert (len(trade), trade[0]) == (47, "005930")
        assert 59_900 <= int(trade[2]) <= 60_100
        assert (await socket.ask("H0STASP0", "005930"))["rt_cd"] == "0"
        book = await socket.frame("H0STASP0")
        assert (len(book), int(book[3]) > int(book[13])) == (63, True)
        assert (await socket.ask("H0STCNT0", "005930"))["msg_cd"] == "OPSP0002"
        assert (await socket.ask("H0STCNT0", "005930", form="2"))["msg_cd"] == "OPSP0001"


async def test_socket_refuses_a_strange_key_and_an_unknown_stock(kis: Kis) -> None:
    async with kis() as (_, client):
        socket = await connected(client)
        assert (await socket.ask("H0STCNT0", "999999"))["rt_cd"] == "1"
        socket.approval = "other"
        assert (await socket.ask("H0STCNT0", "005930"))["msg_cd"] == "OPSP0011"


async def test_message_that_is_no_request_does_not_end_the_connection(kis: Kis) -> None:
    async with kis() as (_, client):
        socket = await connected(client)
        for text in ("", "[]", "{", '{"header":1}', '{"header":{},"body":{"input":[]}}'):
            await socket.socket.send_str(text)
            message = await socket.socket.receive(timeout=60)
            assert message.type is aiohttp.WSMsgType.TEXT
            assert "OPSP0007" in message.data
        assert (await socket.ask("H0STCNT0", "005930"))["rt_cd"] == "0"
