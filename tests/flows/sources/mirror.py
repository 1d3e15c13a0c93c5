"""A local mirror of the archive and of an exchange's REST side, with faults on request."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
from aiohttp import web

HOUR_MS = 3_600_000
CLOCK = "%Y-%m-%dT%H:%M:%S"
RATIOS = {
    "globalLongShortAccountRatio": "1.5",
    "topLongShortAccountRatio": "2.5",
    "topLongShortPositionRatio": "0.5",
}
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


def csv_of(candles: pa.Table, header: bool = True, microseconds: bool = False) -> str:
    """Candles as the archive's CSV: twelve columns."""
    factor = 1_000 if microseconds else 1
    lines = [HEADER] if header else []
    for row in candles.to_pylist():
        opened = round(row["open_time"].timestamp() * 1000)
        quote = row["close"] * row["volume"]
        lines.append(
            f"{opened * factor},{row['open']},{row['high']},{row['low']},{row['close']},"
            f"{row['volume']},{(opened + 59_999) * factor},{quote},10,"
            f"{row['volume'] / 2},{quote / 2},0"
        )
    return "\n".join(lines) + "\n"


def zip_of(name: str, text: str) -> bytes:
    """The archive's ZIP: one CSV inside."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return data.getvalue()


@dataclass
class Fault:
    """What happens to a path for the next ``times`` requests."""

    kind: str
    times: int = 1
    wait_s: float = 0.0


@dataclass
class Mirror:
    """Files by path, klines by symbol, and a count of the requests."""

    files: dict[str, bytes] = field(default_factory=dict)
    klines: dict[str, list[list[object]]] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    weight: int = 10
    slow_s: float = 0.0
    chunks: int = 0
    stall: set[str] = field(default_factory=set)
    """Files whose next answer stops half-way."""
    url: str = ""
    upbit: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Open time (ms) and price of each minute that a market traded in."""
    sentiment: list[dict[str, str]] = field(default_factory=list)

    def add(self, symbol: str, period: str, candles: pa.Table, every: str = "monthly") -> str:
        """Serve a ZIP with its checksum; returns its path."""
        name = f"{symbol}-1m-{period}"
        path = f"futures/um/{every}/klines/{symbol}/1m/{name}.zip"
        data = zip_of(f"{name}.csv", csv_of(candles))
        self.replace(path, data)
        return path

    def replace(self, path: str, data: bytes) -> None:
        """Serve ``data`` at ``path``, with the right checksum."""
        self.files[path] = data
        digest = hashlib.sha256(data).hexdigest()
        name = path.rsplit("/", 1)[-1]
        self.files[f"{path}.CHECKSUM"] = f"{digest}  {name}\n".encode()

    def fail(self, path: str, kind: str, times: int = 1, wait_s: float = 0.0) -> None:
        """Let the next requests of ``path`` fail."""
        self.faults.setdefault(path, []).append(Fault(kind, times, wait_s))

    def _fault(self, path: str) -> Fault | None:
        for fault in self.faults.get(path, []):
            if fault.times > 0:
                fault.times -= 1
                return fault
        return None

    async def archive(self, request: web.Request) -> web.StreamResponse:
        """One file of the archive."""
        path = request.match_info["path"]
        self.asked[path] += 1
        fault = self._fault(path)
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        data = self.files.get(path)
        if data is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        begin = 0
        wanted = request.headers.get("Range", "")
        if wanted:
            self.ranges.append(wanted)
        if wanted and not (fault and fault.kind == "range ignored"):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                return web.Response(status=416)
        response = web.StreamResponse(status=206 if begin else 200)
        response.content_type = "application/zip"
        response.content_length = len(data) - begin
        if begin:
            response.headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        await response.prepare(request)
        if fault is not None and fault.kind == "truncated":
            await response.write(data[begin : begin + (len(data) - begin) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        if fault is not None and fault.kind == "wrong bytes":
            await response.write(bytes(len(data) - begin))
            return response
        if path in self.stall:
            self.stall.discard(path)
            await response.write(data[begin : begin + (len(data) - begin) // 2])
            await asyncio.sleep(2.0)  # longer than the client waits
            return response
        if not self.slow_s:
            await response.write(data[begin:])
            return response
        for start in range(begin, len(data), 1 << 17):
            await response.write(data[start : start + (1 << 17)])
            self.chunks += 1
            await asyncio.sleep(self.slow_s)
        return response

    async def rest_klines(self, request: web.Request) -> web.Response:
        """``/fapi/v1/klines``."""
        self.asked["klines"] += 1
        fault = self._fault("klines")
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        query = request.query
        rows = [
            row
            for row in self.klines.get(query["symbol"], [])
            if int(query.get("startTime", 0)) <= int(str(row[0])) <= int(query["endTime"])
        ]
        return web.json_response(
            rows[: int(query["limit"])], headers={"X-MBX-USED-WEIGHT-1M": str(self.weight)}
        )

    async def rest_funding(self, request: web.Request) -> web.Response:
        """``/fapi/v1/fundingRate``."""
        self.asked["funding"] += 1
        begin, end = int(request.query["startTime"]), int(request.query["endTime"])
        step = 8 * 3_600_000
        times = range(begin - begin % step + step, end + 1, step)
        rows = [
            {
                "symbol": request.query["symbol"],
                "fundingTime": t + 3,
                "fundingRate": "0.00010000",
                "markPrice": "",
            }
            for t in times
        ]
        return web.json_response(rows[:1000])

    async def rest_info(self, request: web.Request) -> web.Response:
        """``/fapi/v1/exchangeInfo``."""
        del request
        self.asked["exchangeInfo"] += 1
        return web.json_response({"symbols": []})

    async def rest_tickers(self, request: web.Request) -> web.Response:
        """``/fapi/v1/ticker/24hr`` without a symbol."""
        del request
        self.asked["ticker"] += 1
        fault = self._fault("ticker")
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        volumes = {"FILUSDT": 5.0, "NEARUSDT": 9.0, "BTCUSDT_250627": 99.0, "DOTUSDT": 7.0}
        return web.json_response(
            [{"symbol": symbol, "quoteVolume": f"{v}"} for symbol, v in volumes.items()]
        )

    async def rest_positioning(self, request: web.Request) -> web.Response:
        """Open interest or a ratio, every hour: ``/futures/data/{name}``."""
        name = request.match_info["name"]
        self.asked[name] += 1
        fault = self._fault(name)
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        begin, end = int(request.query["startTime"]), int(request.query["endTime"])
        times = range(-(-begin // HOUR_MS) * HOUR_MS, end + 1, HOUR_MS)
        if name == "openInterestHist":
            rows = [
                {"timestamp": t, "sumOpenInterest": "10.5", "sumOpenInterestValue": "1050"}
                for t in times
            ]
        else:
            rows = [{"timestamp": t, "longShortRatio": RATIOS[name]} for t in times]
        return web.json_response(rows[: int(request.query["limit"])])

    async def upbit_candles(self, request: web.Request) -> web.Response:
        """``/v1/candles/minutes/1``: up to 200 minutes before ``to``, newest first."""
        self.asked["upbit"] += 1
        fault = self._fault("upbit")
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        to = datetime.fromisoformat(request.query["to"]).timestamp() * 1000
        rows = [row for row in self.upbit.get(request.query["market"], []) if row[0] < to]
        answer_rows = [
            {
                "market": request.query["market"],
                "candle_date_time_utc": datetime.fromtimestamp(t / 1000, UTC).strftime(CLOCK),
                "opening_price": price,
                "high_price": price + 1,
                "low_price": price - 1,
                "trade_price": price,
                "candle_acc_trade_volume": 2.0,
                "candle_acc_trade_price": 2 * price,
            }
            for t, price in rows[-int(request.query["count"]) :][::-1]
        ]
        return web.json_response(answer_rows)

    async def crowd(self, request: web.Request) -> web.Response:
        """The daily index of sentiment."""
        self.asked["crowd"] += 1
        fault = self._fault("crowd")
        if fault is not None and (answer := _refusal(fault)) is not None:
            return answer
        assert request.query["limit"] == "0"
        return web.json_response({"data": self.sentiment})


def _refusal(fault: Fault) -> web.Response | None:
    if fault.kind.isdigit():
        headers = {"Retry-After": f"{fault.wait_s:g}"} if fault.wait_s else {}
        return web.Response(
            status=int(fault.kind), headers=headers, text='{"code":-1003,"msg":"x"}'
        )
    if fault.kind == "no json":
        return web.Response(text="<html>maintenance</html>", content_type="application/json")
    if fault.kind == "html":
        return web.Response(text="<html>maintenance</html>", content_type="text/html")
    return None


@asynccontextmanager
async def serving(mirror: Mirror) -> AsyncIterator[Mirror]:
    """Serve ``mirror`` on a free port of this machine."""
    app = web.Application()
    app.router.add_get("/fapi/v1/klines", mirror.rest_klines)
    app.router.add_get("/fapi/v1/fundingRate", mirror.rest_funding)
    app.router.add_get("/fapi/v1/exchangeInfo", mirror.rest_info)
    app.router.add_get("/fapi/v1/ticker/24hr", mirror.rest_tickers)
    app.router.add_get("/futures/data/{name}", mirror.rest_positioning)
    app.router.add_get("/v1/candles/minutes/1", mirror.upbit_candles)
    app.router.add_get("/fng/", mirror.crowd)
    app.router.add_get("/{path:.*}", mirror.archive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    mirror.url = f"http://127.0.0.1:{port}"
    try:
        yield mirror
    finally:
        await runner.cleanup()
