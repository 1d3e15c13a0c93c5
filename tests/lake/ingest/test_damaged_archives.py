"""A damaged ZIP is refused with one sentence, or unpacked to the bytes that went into it."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
from contextlib import suppress

import pytest

from lake.ingest.sources import read_archive
from trading.errors import DataError

BEGIN, MINUTE = 1_700_000_000_000, 60_000
ROWS = "".join(
    f"{time},10,12,9,11,{row},{time + MINUTE - 1},1,1,1,1,0\n"
    for row, time in enumerate(range(BEGIN, BEGIN + 50 * MINUTE, MINUTE))
)


def archive(how: int = zipfile.ZIP_DEFLATED, before: bytes = b"", extra: bytes = b"") -> bytes:
    """A ZIP with the rows, packed in one way, behind other bytes and with an extra field."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", how) as file:
        info = zipfile.ZipInfo("BTCUSDT-1m-2023-11.csv")
        info.compress_type, info.extra = how, extra
        file.writestr(info, ROWS)
    return before + target.getvalue()


@pytest.mark.parametrize(
    "how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n"])
@pytest.mark.parametrize("extra", [b"", b"\xfe\xca\x03\x00abc"])
def test_every_way_of_packing_gives_the_same_candles(how: int, before: bytes, extra: bytes) -> None:
    assert read_archive(archive(how, before, extra)).equals(read_archive(archive()))


@pytest.mark.parametrize("seed", range(40))
def test_changed_bytes_are_noticed_or_change_nothing(seed: int) -> None:
    chance, whole = random.Random(seed), read_archive(archive())
    for _ in range(25):
        data = bytearray(archive())
        for _ in range(chance.choice([1, 1, 2, 20])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(DataError):
            assert read_archive(bytes(data)).equals(whole)


@pytest.mark.parametrize("seed", range(10))
def test_a_cut_archive_is_refused(seed: int) -> None:
    data = archive()
    with pytest.raises(DataError, match="the ZIP is damaged"):
        read_archive(data[: random.Random(seed).randrange(len(data))])


def test_a_file_that_unpacks_to_more_than_its_header_says_is_refused_before_it_is_unpacked() -> (
    None
):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("BTCUSDT-1m-2023-11.csv", b"0" * 200_000_000)
    data = bytearray(target.getvalue())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (1_000).to_bytes(4, "little")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="the ZIP is damaged"):
            read_archive(bytes(data))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
