"""Settings of the market data: what is downloaded, and the limits of its checks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from flows.sources.binance_rest import hosts


class DownloadSettings(BaseModel):
    """What the flow `download` fetches, and from where; any address may be a mirror's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=False, description="download before every nightly")
    days: int = Field(default=365, ge=1, le=3650)
    archive_url: str = hosts.ARCHIVE_URL
    binance_usdm_url: str = hosts.FUTURES_URL
    binance_spot_url: str = hosts.SPOT_URL
    upbit_url: str = "https://api.upbit.com"
    krx_url: str = "https://openapivts.koreainvestment.com:29443"
    sentiment_url: str = "https://api.alternative.me/fng/"
    funding: bool = True
    positioning: bool = False
    sentiment: bool = False
    keep_files: bool = False


class ValidationSettings(BaseModel):
    """Limits of the checks of one-minute candles.

    ``max_bad_share``: a symbol fails when more than this share of a month's rows is bad; one bad
    row never fails it. ``jump_sigmas`` and ``thin_volume_share``: a one-minute move of more robust
    deviations than this, on less than this share of the month's median volume, is a bad print (18
    perpetuals and 90 days of spot have none). ``quiet_minutes``: this many minutes in a row without
    a trade are compared with the known events. ``sparse_venues`` omit minutes without trades; there
    a gap of ``sparse_gap_minutes`` is normal. Beyond the last five a symbol is left
    out; ``max_different_share`` is that of the source's own longer candles unlike its minutes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bad_share: float = Field(default=0.005, ge=0, le=1)
    jump_sigmas: float = Field(default=15.0, gt=0)
    jump_floor: float = Field(default=0.0002, gt=0, description="least deviation, log return")
    thin_volume_share: float = Field(default=0.1, ge=0)
    quiet_minutes: int = Field(default=10, gt=0)
    sparse_venues: tuple[str, ...] = ("upbit", "krx")
    sparse_gap_minutes: int = Field(default=60, ge=0)
    max_gap_minutes: int = Field(default=10_080, ge=0)
    max_missing_share: float = Field(default=0.05, ge=0, le=1)
    max_days_since_last: int = Field(default=30, ge=0)
    max_quiet_minutes: int = Field(default=1440, ge=0)
    max_different_share: float = Field(default=0.05, ge=0, le=1)
