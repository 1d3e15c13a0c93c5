"""What `nocturne init` writes for whom: from options, or from questions at a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trading.errors import SettingsError
from trading.market.symbols import check_symbol

VENUES = ("binance_usdm", "binance_spot")
MODES = ("paper", "testnet")
"""Mode `live` is not among them: `nocturne golive` leads there."""
LANGUAGES = ("en", "ko")


@dataclass(frozen=True, slots=True)
class Choices:
    """The answers; each has a default that is safe."""

    venue: str = VENUES[0]
    symbols: tuple[str, ...] = ()
    """Empty leaves the night its own default."""
    mode: str = MODES[0]
    language: str = LANGUAGES[0]
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("venue", self.venue, VENUES),
            ("mode", self.mode, MODES),
            ("language", self.language, LANGUAGES),
        ):
            if value not in known:
                raise SettingsError(f"{name} {value!r} is not known; choose {' or '.join(known)}")
        for symbol in self.symbols:
            check_symbol(symbol)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SettingsError(
                f"time zone {self.timezone!r} is not known; give one such as Asia/Seoul"
            ) from error


def symbols_of(text: str) -> tuple[str, ...]:
    """Split symbols that are separated by commas; capitals or not, each counts once."""
    return tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
