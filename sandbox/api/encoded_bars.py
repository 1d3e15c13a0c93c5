"""Closed bars as JSON text, kept for the next request: most clients ask for the same ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import orjson

from sandbox.api.market_json import kline_row
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.market.candles import Kline

# The largest entry holds 1,500 rows of about 120 bytes.
KEPT = 256
Key = tuple[str, str, int, int, int, bool]


def encode(bars: list[Kline], instrument: ExchangeInstrument) -> bytes:
    """Return the rows of ``bars`` as JSON, separated by commas."""
    return orjson.dumps([kline_row(bar, instrument) for bar in bars])[1:-1]


class EncodedBars:
    """The texts of the spans that were requested last; closed bars never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, bytes] = OrderedDict()

    def closed(self, key: Key, make: Callable[[], bytes]) -> bytes:
        """Return the text of ``key``; the first time, ``make`` makes it."""
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found
