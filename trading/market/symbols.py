"""The one grammar of symbols: what every importer, release, exchange and command accepts."""

from __future__ import annotations

import re

from trading.errors import DataError

LONGEST = 40
_SYMBOL = re.compile(rf"[^\W_][\w\-]{{0,{LONGEST - 1}}}")


def is_symbol(text: str) -> bool:
    """Tell whether ``text`` is a symbol such as ``BTCUSDT``, ``BTCUSDT_250627`` or ``KRW-BTC``.

    Letters of any script are allowed; those with a lower case must be capitals.
    """
    return _SYMBOL.fullmatch(text) is not None and text == text.upper()


def check_symbol(text: str) -> str:
    """Return ``text`` if it is a symbol; else `DataError`."""
    if not is_symbol(text):
        raise DataError(
            f"'{text}' is not a symbol; up to {LONGEST} capital letters, digits, - and _ are"
            " allowed, for example BTCUSDT"
        )
    return text
