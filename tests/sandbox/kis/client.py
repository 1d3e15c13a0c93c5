"""A thin client of KIS: token, headers, orders, frames."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
TRADING = "/uapi/domestic-stock/v1/trading"
ACCOUNT = {"CANO": "50000001", "ACNT_PRDT_CD": "01"}
KEYS = {"appkey": "sandbox", "appsecret": "sandbox"}
GRANT = {"grant_type": "client_credentials"}


class KisClient:
    """Sends requests as the official samples do."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.token = ""
        self.headers: dict[str, str] = {}

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        data = json.dumps(body)
        async with self.session.post(self.url + path, data=data, headers=headers) as response:
            return response.status, await response.json()

    async def login(self) -> KisClient:
        """Fetch a token."""
        status, body = await self.post("/oauth2/tokenP", {**GRANT, **KEYS})
        assert status == 200, body
        self.token = body["access_token"]
        return self

    def head(self, transaction: str, **more: str) -> dict[str, str]:
        head = {"authorization": f"Bearer {self.token}", **KEYS, "custtype": "P", **more}
        return head | {"tr_id": transaction}

    async def get(
        self, path: str, transaction: str, params: dict[str, str], **headers: str
    ) -> tuple[int, Any]:
        async with self.session.get(
            self.url + path, params=params, headers=self.head(transaction, **headers)
        ) as response:
            self.headers = dict(response.headers)
            return response.status, await response.json()

    async def quotation(self, name: str, transaction: str, **params: str) -> Any:
        """Return the body of a successful request for market data of 005930."""
        stock = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
        status, body = await self.get(f"{QUOTATIONS}/{name}", transaction, stock | params)
        assert (status, body["rt_cd"]) == (200, "0"), body
        return body

    async def order(
        self, side: str, quantity: int, price: int = 0, division: str = "", **more: str
    ) -> Any:
        """Send a cash order; a price of 0 makes it a market order."""
        transaction = {"buy": "VTTC0012U", "sell": "VTTC0011U"}[side]
        body = {
            **ACCOUNT, "PDNO": "005930", "ORD_DVSN": division or ("00" if price else "01"),
            "ORD_QTY": str(quantity), "ORD_UNPR": str(price), "EXCG_ID_DVSN_CD": "KRX", **more,
        }  # fmt: skip
        head = self.head(transaction)
        return (await self.post(f"{TRADING}/order-cash", body, **head))[1]

    async def change(self, odno: str, what: str, **more: str) -> Any:
        """Correct (01) or cancel (02) an order, all of it unless ``more`` says otherwise."""
        body = {
            **ACCOUNT, "KRX_FWDG_ORD_ORGNO": "00950", "ORGN_ODNO": odno, "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": what, "ORD_QTY": "0", "ORD_UNPR": "0", "QTY_ALL_ORD_YN": "Y",
            "EXCG_ID_DVSN_CD": "KRX", **more,
        }  # fmt: skip
        head = self.head("VTTC0013U")
        return (await self.post(f"{TRADING}/order-rvsecncl", body, **head))[1]

    async def balance(self) -> tuple[list[Any], Any]:
        """Return holdings and sums."""
        _, body = await self.get(f"{TRADING}/inquire-balance", "VTTC8434R", dict(ACCOUNT))
        return body["output1"], body["output2"][0]

    async def executions(self, **more: str) -> list[Any]:
        """Return the orders of June 2025, newest first."""
        span = {"INQR_STRT_DT": "20250601", "INQR_END_DT": "20250630", "INQR_DVSN": "00"}
        found: list[Any] = []
        context = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
        while True:
            params = {**ACCOUNT, **span, **more, **context}
            path = f"{TRADING}/inquire-daily-ccld"
            status, body = await self.get(path, "VTTC0081R", params)
            assert (status, body["rt_cd"]) == (200, "0"), body
            found += body["output1"]
            if self.headers["tr_cont"] not in ("F", "M"):
                return found
            context = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": body["ctx_area_nk100"]}


class KisSocket:
    """The WebSocket of a client: JSON replies and frames of columns."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, approval: str) -> None:
        self.socket, self.approval = socket, approval
        self.secrets: tuple[str, str] = ("", "")

    async def ask(self, transaction: str, key: str, form: str = "1") -> Any:
        """Register (1) or forget (2) a stream and return the reply."""
        header = {
            "approval_key": self.approval, "custtype": "P", "tr_type": form,
            "content-type": "utf-8",
        }  # fmt: skip
        body = {"input": {"tr_id": transaction, "tr_key": key}}
        await self.socket.send_json({"header": header, "body": body})
        while True:
            text = (await self.socket.receive(timeout=60)).data
            if text[0] == "{" and (found := json.loads(text))["header"]["tr_id"] == transaction:
                output = found["body"].get("output", {})
                self.secrets = (output.get("key", ""), output.get("iv", ""))
                return found["body"]

    async def frame(self, transaction: str) -> list[str]:
        """Return the columns of the next frame of a transaction."""
        while True:
            text = (await self.socket.receive(timeout=60)).data
            if text[0] == "{":
                continue
            flag, name, _, payload = text.split("|", 3)
            if name == transaction:
                found = self._decrypted(payload) if flag == "1" else payload
                return str(found).split("^")

    def _decrypted(self, payload: str) -> str:
        key, iv = (text.encode() for text in self.secrets)
        cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        padded = cipher.update(base64.b64decode(payload)) + cipher.finalize()
        remover = PKCS7(128).unpadder()
        return (remover.update(padded) + remover.finalize()).decode()
