"""A sandbox that serves both venues, and adapters connected to it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from executor.model import (
    Instrument,
    InstrumentId,
    NewOrder,
    OrderKind,
    OrderState,
    Protection,
    VenueOrder,
    instrument_id,
)
from executor.settings import VenueSettings
from executor.venues.interface import Venue, VenueConnection
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue

ROOT = Path(__file__).parents[3]
CANDLES = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
BEGIN = "2025-06-20T14:00:00+00:00"
KEY, SECRET = "conformance-key", "conformance-secret"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox whose market moves by command."""

    url: str

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Send a control command."""
        request = urllib.request.Request(
            f"{self.url}/sandbox/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def fault(self, kind: str, **settings: Any) -> None:
        """Let the next request of ours meet a fault."""
        self.post("fault", kind=kind, **settings)

    def clear(self) -> None:
        """Remove faults that nothing has met."""
        request = urllib.request.Request(f"{self.url}/sandbox/fault", method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()

    async def step(self, minutes: int = 1) -> None:
        """Move the market on."""
        await asyncio.to_thread(self.post, "clock/step", minutes=minutes)


@contextmanager
def serving(ledger: Path, *options: str) -> Iterator[Sandbox]:
    """A sandbox process until the block ends."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from cli.main import main; main()", "sandbox", "serve"),
            *("--candles", str(CANDLES), "--symbols", "BTCUSDT,ETHUSDT", "--venue", "both"),
            *("--from", BEGIN, "--to", "2025-06-20T18:00:00+00:00", "--clock", "stepped"),
            *("--key", KEY, "--secret", SECRET, "--balance", "USDT=1000000"),
            *("--ledger", str(ledger)),
            *options,
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        found = re.match(r"listening on (http://\S+)", process.stdout.readline())
        assert found
        sandbox = Sandbox(found[1])
        sandbox.post("clock/step", minutes=5)
        yield sandbox
    finally:
        process.terminate()
        process.communicate(timeout=20)


class Trader:
    """One adapter with orders of one instrument; everything is flat again at its end."""

    def __init__(self, name: str, sandbox: Sandbox) -> None:
        ws_url = sandbox.url.replace("http", "ws")
        settings = VenueSettings(rest_url=sandbox.url, ws_url=ws_url, account_url=sandbox.url)
        request = ConnectionRequest(settings.at(name), KEY, SECRET, None, 1_200.0)
        self.connection: VenueConnection = get_venue(name).connect(request)
        self.venue: Venue = self.connection.venue
        self.sandbox = sandbox
        self.symbol: InstrumentId = instrument_id("ETHUSDT", name)
        self.order_path = "/order$"
        paired = self.venue.capabilities.protection is Protection.OCO
        self.stop_path = "/order$" if paired else "/algoOrder$"
        self.instrument: Instrument

    async def begin(self) -> None:
        """Connect."""
        self.instrument = (await self.venue.connect([self.symbol], 5))[self.symbol]

    async def end(self) -> None:
        """Cancel and close everything."""
        self.sandbox.clear()
        for order in await self.venue.open_orders(self.symbol):
            await self.venue.cancel(order)
        held = await self.held()
        if self.instrument.whole_steps(abs(held)) > 0:
            await self.market("SELL" if held > 0 else "BUY", abs(held))
        await self.venue.close()

    async def held(self) -> Decimal:
        """What is held of the instrument."""
        found = await self.venue.positions()
        return sum((p.quantity for p in found if p.symbol == self.symbol), Decimal(0))

    def new(self, side: str, kind: OrderKind = OrderKind.MARKET, **changes: Any) -> NewOrder:
        """An order of one tenth, under an id of its own."""
        values = {"quantity": Decimal("0.1"), "client_id": f"test-{next(_NUMBERS)}", **changes}
        return NewOrder(symbol=self.symbol, side=side, kind=kind, **values)

    async def market(self, side: str, quantity: Decimal = Decimal("0.1")) -> VenueOrder:
        """Trade at market."""
        whole = self.instrument.whole_steps(quantity)
        return await self.venue.place(self.new(side, quantity=whole))

    async def stop(self, share: float = 0.9, **changes: Any) -> NewOrder:
        """A stop for a long position, that far from the market."""
        price = await self.venue.last_price(self.symbol)
        trigger = self.instrument.round_price(price * share)
        values = {"trigger_price": trigger, "exits": True, **changes}
        return self.new("SELL", OrderKind.STOP_MARKET, **values)

    async def bought(self) -> NewOrder:
        """Buy, and make the stop that would protect it."""
        await self.market("BUY", Decimal("0.2"))
        return await self.stop()

    async def seen(self, condition: Callable[[], Awaitable[Any]], deadline_s: float = 10.0) -> Any:
        """The first true answer of ``condition``."""
        async with asyncio.timeout(deadline_s):
            while not (answer := await condition()):
                await asyncio.sleep(0.05)
            return answer

    async def state(self, order: NewOrder) -> OrderState | None:
        """The state of an order at the exchange."""
        found = await self.venue.query(self.symbol, order.client_id, conditional=order.conditional)
        return found.status if found is not None else None
