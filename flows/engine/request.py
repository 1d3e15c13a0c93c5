"""What one flow run works on: the settings, and the time that it must not read beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.engine.bundled_sample import end_of_bundled_sample
from flows.engine.stored_candles import end_of_own_candles, with_own_symbols
from flows.settings import ResearchSettings, load_settings
from lake.partitions import parse_iso
from lake.store import Lake
from trading.errors import ParameterError, SettingsError
from trading.market.symbols import is_symbol

LIVE_FLOWS = frozenset({"download", "export_ledger", "parity"})
"""Flows whose data is today's, whatever the sample holds."""


@dataclass(frozen=True, slots=True)
class FlowArguments:
    """What a user or a deployment gives a flow; None stands for the setting.

    ``as_of`` without a zone is UTC.
    """

    as_of: str | datetime | None = None
    lake: str | Path | None = None
    sample: str | Path | None = None
    symbols: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """Settings and ``as_of`` (UTC) of one run; every step gets it, so it is small.

    ``on_sample``: ``as_of`` is the end of the bundled sample, which holds all there is;
    ``on_stored``: it is the end of the user's own candles, which end long ago.
    """

    settings: ResearchSettings
    as_of: datetime
    on_sample: bool = False
    on_stored: bool = False

    @property
    def lake(self) -> Lake:
        """The lake of this run."""
        return Lake(self.settings.lake)


def make_request(
    arguments: FlowArguments, *, flow: str, default_as_of: datetime | None = None
) -> FlowRequest:
    """Make the request of a run of ``flow`` from its arguments.

    Without symbols in the arguments and the settings, the run works on those that were downloaded
    or imported. Without ``as_of`` it works as of the end of these candles if they end long ago, as
    of the end of the bundled sample where there are no others, else of ``default_as_of``, or of
    now, to the minute.
    """
    as_of = arguments.as_of
    if isinstance(as_of, str):
        as_of = parse_iso(as_of)
    if as_of is not None and as_of.tzinfo is None:
        as_of = as_of.replace(tzinfo=UTC)
    symbols = arguments.symbols
    settings = load_settings(
        lake=arguments.lake,
        sample=arguments.sample,
        symbols=tuple(symbols) if symbols is not None else None,
        top_symbols=0 if symbols is not None else None,
    )
    if settings.lake.exists() and not settings.lake.is_dir():
        raise SettingsError(f"the lake {settings.lake} is a file; give a folder")
    for symbol in settings.symbols:
        if not is_symbol(symbol):
            raise ParameterError(f"'{symbol}' is not a symbol; write for example BTCUSDT")
    now = default_as_of or datetime.now(UTC)
    sample_end = stored_end = None
    if flow not in LIVE_FLOWS:
        settings = with_own_symbols(settings)
        stored_end = end_of_own_candles(settings, now.astimezone(UTC))
        sample_end = None if stored_end else end_of_bundled_sample(settings)
    moment = (as_of or stored_end or sample_end or now).astimezone(UTC)
    moment = moment.replace(second=0, microsecond=0)
    return FlowRequest(
        settings, moment, on_sample=moment == sample_end, on_stored=moment == stored_end
    )
