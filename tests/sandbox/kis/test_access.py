"""Tokens, hash keys and limits of KIS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.kis.client import ACCOUNT, GRANT, KEYS, QUOTATIONS, TRADING
from tests.sandbox.kis.conftest import Kis

STOCK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
PRICE = (f"{QUOTATIONS}/inquire-price", "FHKST01010100", STOCK)


async def test_token_of_six_hours_is_the_same_and_lasts_a_day(kis: Kis) -> None:
    async with kis() as (_, client):
        _, again = await client.post("/oauth2/tokenP", {**GRANT, **KEYS})
        assert again["access_token"] == client.token
        assert again["token_type"] == "Bearer"
        assert 86_000 < again["expires_in"] <= 86_400
        assert len(again["access_token_token_expired"]) == len("2026-01-01 09:00:00")


async def test_second_token_within_a_minute_is_refused(kis: Kis) -> None:
    async with kis(count_orders=True) as (_, client):
        status, body = await client.post("/oauth2/tokenP", {**GRANT, **KEYS})
        assert (status, body["error_code"]) == (403, "EGW00133")


@pytest.mark.parametrize(
    ("keys", "code"),
    [({"appkey": "other"}, "EGW00103"), ({"appsecret": "other"}, "EGW00105")],
)
async def test_wrong_app_gets_no_token(kis: Kis, keys: dict[str, str], code: str) -> None:
    async with kis() as (_, client):
        status, body = await client.post("/oauth2/tokenP", {**GRANT, **KEYS, **keys})
        assert (status, body["error_code"]) == (403, code)


async def test_strange_and_revoked_tokens_are_refused(kis: Kis) -> None:
    async with kis() as (_, client):
        assert (await client.get(*PRICE))[0] == 200
        good = client.token
        client.token = good[:-4] + "AAAA"
        status, body = await client.get(*PRICE)
        assert (status, body["msg_cd"]) == (500, "EGW00121")
        client.token = good
        await client.post("/oauth2/revokeP", {**KEYS, "token": good})
        assert (await client.get(*PRICE))[1]["msg_cd"] == "EGW00121"


async def test_token_ends_after_a_day_of_the_exchanges_clock(kis: Kis) -> None:
    async with kis() as (server, client):
        server.venues.faults.set_skew(86_401)
        assert (await client.get(*PRICE))[1]["msg_cd"] == "EGW00123"


async def test_token_outlives_a_restart(kis: Kis) -> None:
    async with kis() as (_, client):
        token = client.token
    async with kis() as (_, client):
        client.token = token
        assert (await client.get(*PRICE))[0] == 200


async def test_third_request_of_a_second_is_refused(kis: Kis) -> None:
    async with kis(count_orders=True) as (_, client):
        refused: list[str] = []
        for _ in range(20):  # a busy machine may need more than a second for six requests
            found = await asyncio.gather(*(client.get(*PRICE) for _ in range(6)))
            refused += [body["msg_cd"] for status, body in found if status == 500]
            if refused:
                break
        assert set(refused) == {"EGW00201"}


async def test_transaction_that_is_not_of_virtual_trading_is_refused(kis: Kis) -> None:
    async with kis() as (_, client):
        params: dict[str, Any] = dict(ACCOUNT)
        _, body = await client.get(f"{TRADING}/inquire-balance", "TTTC8434R", params)
        assert (body["rt_cd"], body["msg_cd"]) == ("1", "OPSQ0002")
        assert (await client.get("/uapi/nothing", "X", {}))[0] == 404


async def test_other_account_number_is_refused(kis: Kis) -> None:
    async with kis() as (_, client):
        answer = await client.order("buy", 1, CANO="50000002")
        assert (answer["rt_cd"], answer["msg_cd"]) == ("2", "OPSQ2000")


async def test_hash_key_belongs_to_its_body(kis: Kis) -> None:
    async with kis() as (_, client):
        body = {
            **ACCOUNT, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0",
        }  # fmt: skip
        _, hashed = await client.post("/uapi/hashkey", body, **KEYS)
        assert hashed["BODY"] == body
        head = client.head("VTTC0012U", hashkey=hashed["HASH"])
        _, answer = await client.post(f"{TRADING}/order-cash", body, **head)
        assert answer["rt_cd"] == "0"
        other = {**body, "ORD_QTY": "2"}
        status, answer = await client.post(f"{TRADING}/order-cash", other, **head)
        assert (status, answer["rt_cd"]) == (500, "1")
