"""Files of the archive, downloaded with resume and verified by their checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

from flows.sources.http import Http, NotThere, SourceError, remove
from trading.errors import ParameterError

MARKETS = {"binance_usdm": "futures/um", "binance_spot": "spot"}
CHECKSUM_ATTEMPTS = 2


class Archive:
    """One mirror of the archive, and the folder to which its files are downloaded.

    ``base`` may be the mirror's root or its folder ``data``: the first file that is found says
    which.
    """

    def __init__(self, http: Http, base: str, folder: Path) -> None:
        self._http = http
        self._bases = [base.rstrip("/"), f"{base.rstrip('/')}/data"]
        self._folder = folder

    @property
    def name(self) -> str:
        """Name of the source."""
        return "binance_archive"

    async def monthly(self, venue: str, symbol: str, month: str) -> Path | None:
        """The ZIP of ``month`` (YYYY-MM); None if the archive does not have it."""
        return await self._fetch(self.place(venue, symbol, "monthly", month))

    async def daily(self, venue: str, symbol: str, day: str) -> Path | None:
        """The ZIP of ``day`` (YYYY-MM-DD); None if the archive does not have it."""
        return await self._fetch(self.place(venue, symbol, "daily", day))

    async def funding(self, symbol: str, month: str) -> Path | None:
        """The ZIP of a month's funding rates of a perpetual; None if there is none."""
        name = f"{symbol}-fundingRate-{month}.zip"
        return await self._fetch(f"futures/um/monthly/fundingRate/{symbol}/{name}")

    async def _fetch(self, place: str) -> Path | None:
        # A folder for each file: it is imported by itself, and others may be half there.
        path = self._folder / Path(place).with_suffix("") / Path(place).name
        for attempt in range(CHECKSUM_ATTEMPTS):
            try:
                checksum = await self._checksum(place)
                await self._http.file(self._url(place), path)
            except NotThere:
                return None
            found = _sha256(path)
            if found == checksum:
                path.with_name(path.name + ".CHECKSUM").write_text(
                    f"{checksum}  {path.name}\n", encoding="utf-8"
                )
                return path
            remove(path)
            if attempt + 1 == CHECKSUM_ATTEMPTS:
                raise SourceError(
                    f"{self._url(place)}: the file hashes to {found[:12]}…, its CHECKSUM says "
                    f"{checksum[:12]}…, after {CHECKSUM_ATTEMPTS} downloads; the source is damaged"
                )
        raise AssertionError("unreachable")

    async def _checksum(self, place: str) -> str:
        text = await self._found(f"{place}.CHECKSUM")
        words = text.split()
        if not words or len(words[0]) != 64 or set(words[0].lower()) - set("0123456789abcdef"):
            raise SourceError(
                f"{self._url(place)}.CHECKSUM: '{text[:40].strip()}' is no SHA-256 of a file"
            )
        return words[0].lower()

    async def _found(self, place: str) -> str:
        """The text at ``place`` below the first base that has it."""
        for base in list(self._bases):
            try:
                text = await self._http.text(f"{base}/{quote(place)}")
            except NotThere:
                continue
            self._bases = [base]
            return text
        raise NotThere(f"{self._url(place)}: there is no such file (HTTP 404)")

    def _url(self, place: str) -> str:
        return f"{self._bases[0]}/{quote(place)}"

    @staticmethod
    def place(venue: str, symbol: str, every: str, period: str) -> str:
        """Path of a file of one-minute candles below the base."""
        if venue not in MARKETS:
            raise ParameterError(
                f"the archive has no venue '{venue}'; it has {', '.join(sorted(MARKETS))}"
            )
        name = f"{symbol}-1m-{period}.zip"
        return f"{MARKETS[venue]}/{every}/klines/{symbol}/1m/{name}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
