"""How numbers, times and hashes are written in the report; times by the clock of the page."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from flows.report.language import ENGLISH, current, tr, zone, zone_name

MINUS = "−"
NONE = "–"
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "KRW", "USD", "EUR", "BTC")
WHOLE = frozenset({"KRW"})
"""Currencies without a smaller unit in use."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def signed(shown: str) -> str:
    """Write a true minus sign, and none before zero."""
    if shown.startswith("-"):
        return shown[1:] if not shown.strip("-0.,%") else MINUS + shown[1:]
    return shown


def percent(value: Any, digits: int = 2) -> str:
    """Write a share as percent: 0.0312 is ``3.12 %``."""
    if not known(value):
        return NONE
    return signed(f"{float(value) * 100:,.{digits}f}") + " %"


def decimal(value: Any, digits: int = 2) -> str:
    """Write a number with thousands separators."""
    if value is not None and isinstance(value, (int, float)) and math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if not known(value):
        return NONE
    return signed(f"{float(value):,.{digits}f}")


def whole(value: Any) -> str:
    """Write an integer with thousands separators."""
    return signed(f"{int(value):,}") if known(value) else NONE


def compact(value: float) -> str:
    """Write a tick of an axis with as few digits as distinguish it from its neighbours."""
    return signed(f"{value:,.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}")


def anything(value: Any) -> str:
    """Write a parameter or a threshold of any kind, without trailing zeros."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return signed(f"{value:.6g}") if known(value) else decimal(value)
    return str(value) or NONE


def price(value: Any, currency: str = "") -> str:
    """Write a price with decimals that suit its size, and its currency."""
    if not known(value):
        return NONE
    size = abs(float(value))
    digits = digits_of(currency) if size >= 100 else 4 if size >= 1 else 6
    return decimal(value, digits)


def digits_of(currency: str) -> int:
    """Return how many decimals an amount of a currency has."""
    return 0 if currency in WHOLE else 2


def money(value: Any, currency: str = "") -> str:
    """Write an amount with the decimals of its currency: ``12.30``, or ``12,300`` won."""
    return decimal(value, digits_of(currency))


def quote_of(symbol: str) -> str:
    """Return the quote currency of ``BTCUSDT``, ``BTC/USDT`` or Upbit's ``KRW-BTC``."""
    for name in QUOTES:
        if symbol.startswith(f"{name}-") or symbol.endswith(name):
            return name
    return ""


def moment(value: Any) -> str:
    """Write ``2025-06-20 00:00 UTC`` from a datetime or milliseconds."""
    when = local(value)
    return f"{when:%Y-%m-%d %H:%M} {zone_name()}" if when else NONE


def stamp(value: Any) -> str:
    """Write ``2025-06-20 14:05``: a time in a table whose head names the zone."""
    when = local(value)
    return f"{when:%Y-%m-%d %H:%M}" if when else NONE


def day(value: Any) -> str:
    """Write ``2025-06-20``."""
    when = local(value)
    return f"{when:%Y-%m-%d}" if when else NONE


def digest(value: Any) -> str:
    """Write the first twelve characters of a hash."""
    return str(value)[:12] if value else NONE


def known(value: Any) -> bool:
    """Check for a finite number: not None, NaN or infinite."""
    return value is not None and math.isfinite(float(value))


def as_datetime(value: Any) -> datetime | None:
    """Convert a stored time, from a table or a manifest, to a UTC datetime."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / 1000, tz=UTC)
    return as_datetime(datetime.fromisoformat(str(value)))


def local(value: Any) -> datetime | None:
    """Convert a stored time to the clock of the page."""
    when = as_datetime(value)
    return when.astimezone(zone()) if when else None


def midnight(ms: int) -> int:
    """Return the start of the day of a time, by the clock of the page; ms UTC."""
    when = datetime.fromtimestamp(ms / 1000, zone())
    return as_ms(when.replace(hour=0, minute=0, second=0, microsecond=0))


def start_of_month(year: int, month: int) -> int:
    """Return when a month begins by the clock of the page; ms UTC."""
    return as_ms(datetime(year, month, 1, tzinfo=zone()))


def as_ms(value: Any) -> int:
    """Convert anything that `as_datetime` understands to milliseconds; None is 0."""
    when = as_datetime(value)
    return round(when.timestamp() * 1000) if when else 0


def short_span(start: Any, end: Any) -> str:
    """Write ``09 May – 16 May``, for a label of an axis."""
    first, last = local(start), local(end)
    return f"{day_and_month(first)} – {day_and_month(last)}" if first and last else NONE


def day_and_month(when: datetime) -> str:
    """Write ``09 May``."""
    day = f"{when.day:02d}" if current().language == ENGLISH else when.day
    return tr("{day} {month}", day=day, month=tr(MONTHS[when.month - 1]))


def change(value: float, currency: str = "", digits: int = 2) -> str:
    """Write a difference with its sign: ``+27.70 USDT``."""
    shown = decimal(value, min(digits, digits_of(currency)))
    sign = "+" if value > 0 and shown.strip("0.,") else ""
    return f"{sign}{shown} {currency}".strip()


def percent_change(value: float) -> str:
    """Write a relative difference with its sign: ``+1.30 %``."""
    shown = percent(value)
    return f"+{shown}" if value > 0 and not shown.startswith("0.00") else shown


def span(start: Any, end: Any) -> str:
    """Write ``2025-05-05 to 2025-06-20``."""
    return tr("{start} to {end}", start=day(start), end=day(end))
