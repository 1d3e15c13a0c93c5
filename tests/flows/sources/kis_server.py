"""The Open API of Korea Investment & Securities on this machine: tokens, days and minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from aiohttp import web

MINUTES = [f"{9 + m // 60:02}{m % 60:02}00" for m in range(381)] + ["153000"]


@dataclass
class KisServer:
    """One stock that trades every weekday; ``errors`` are answered before anything else."""

    asked: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[int, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    holidays: set[str] = field(default_factory=set)
    url: str = ""

    async def issue(self, request: web.Request) -> web.Response:
        """``POST /oauth2/tokenP``."""
        self.asked["token"] += 1
        body = await request.json()
        if body != {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret"}:
            return web.json_response(
                {"error_code": "EGW00103", "error_description": "no"}, status=403
            )
        self.tokens.append(f"token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": 86400})

    async def quotation(self, request: web.Request) -> web.Response:
        """Any of the three charts."""
        name = request.match_info["name"]
        self.asked[name] += 1
        assert request.headers["authorization"] == f"Bearer {self.tokens[-1]}"
        assert (request.headers["appkey"], request.headers["custtype"]) == ("key", "P")
        if self.errors:
            status, code = self.errors.pop(0)
            return web.json_response({"rt_cd": "1", "msg_cd": code, "msg1": "다시 "}, status=status)
        answer = {
            "inquire-daily-itemchartprice": self.days,
            "inquire-time-dailychartprice": self.minutes,
            "inquire-time-itemchartprice": self.minutes,
        }[name](request)
        return web.json_response({"rt_cd": "0", "msg_cd": "MCA00000", "output2": answer})

    def days(self, request: web.Request) -> list[dict[str, str]]:
        """Return up to 100 days, newest first; the real service adds empty objects too."""
        assert request.headers["tr_id"] == "FHKST03010100"
        first, day = (date.fromisoformat(request.query[f"FID_INPUT_DATE_{n}"]) for n in (1, 2))
        rows: list[dict[str, str]] = []
        while day >= first and len(rows) < 100:
            if day.weekday() < 5 and f"{day:%Y%m%d}" not in self.holidays:
                price = 70_000 + day.day
                rows.append(
                    {
                        "stck_bsop_date": f"{day:%Y%m%d}",
                        "stck_oprc": f"{price}",
                        "stck_hgpr": f"{price + 500}",
                        "stck_lwpr": f"{price - 500}",
                        "stck_clpr": f"{price + 100}",
                        "acml_vol": "1000",
                        "acml_tr_pbmn": "70000000",
                    }
                )
            day -= timedelta(days=1)
        return [*rows, {}]

    def minutes(self, request: web.Request) -> list[dict[str, str]]:
        """Return up to 120 minutes of a day (30 of today's), newest first."""
        past = request.headers["tr_id"] == "FHKST03010230"
        day = request.query["FID_INPUT_DATE_1"] if past else "20260605"
        if day in self.holidays:
            return []
        until = request.query["FID_INPUT_HOUR_1"]
        found = [minute for minute in reversed(MINUTES) if minute <= until]
        return [
            {
                "stck_bsop_date": day,
                "stck_cntg_hour": minute,
                "stck_oprc": "70000",
                "stck_hgpr": "70100",
                "stck_lwpr": "69900",
                "stck_prpr": "70050",
                "cntg_vol": str(int(minute[2:4]) + 1),
            }
            for minute in found[: 120 if past else 30]
        ]


@asynccontextmanager
async def serving(server: KisServer) -> AsyncIterator[KisServer]:
    """Serve ``server`` on a free port of this machine."""
    app = web.Application()
    app.router.add_post("/oauth2/tokenP", server.issue)
    app.router.add_get("/uapi/domestic-stock/v1/quotations/{name}", server.quotation)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    try:
        yield server
    finally:
        await runner.cleanup()
