"""The CSV inside a ZIP, as Binance's archive packs one."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib

from isal import isal_zlib
from isal.igzip_lib import IsalError

from trading.errors import DataError

# What readers of a damaged ZIP raise: a place before its beginning is a ValueError.
_DAMAGES: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    IsalError,  # type: ignore[assignment]  # its stubs call the class an instance
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)
_ENCRYPTED = 0x1
# Lengths of the name and of the extra field in the header before a file (PKWARE APPNOTE 4.3.7).
_LENGTHS, _LENGTHS_AT = struct.Struct("<HH"), 26


def only_csv(data: bytes, stem: str = "") -> bytes:
    """The one CSV inside a ZIP; `DataError` when there is not exactly one, or it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise DataError(f"it holds {len(names)} CSV files, one is expected")
            inside = names[0].rsplit("/", 1)[-1].removesuffix(".csv")
            if stem and inside != stem:
                raise DataError(
                    f"it holds the data of {inside}, its name says {stem}; download it again"
                )
            return _unpacked(archive, archive.getinfo(names[0]), data)
    except _DAMAGES as error:
        raise DataError(f"the ZIP is damaged ({error}); download it again") from error
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise DataError(f"the ZIP cannot be unpacked ({error}); download it again") from error


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes) -> bytes:
    """The bytes of one file inside a ZIP, checked against their CRC-32.

    A deflated one is unpacked by ISA-L, in a third of the time that zlib takes.
    """
    if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & _ENCRYPTED:
        return archive.read(info)
    with archive.open(info):  # reads and checks the header that stands before the bytes
        name, extra = _LENGTHS.unpack_from(data, info.header_offset + _LENGTHS_AT)
    begin = info.header_offset + _LENGTHS_AT + _LENGTHS.size + name + extra
    packed = data[begin : begin + info.compress_size]
    # Not a byte more than one too many: a small file may unpack to more than the memory holds.
    unpacked = isal_zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)
    if len(unpacked) != info.file_size or isal_zlib.crc32(unpacked) != info.CRC:
        raise zipfile.BadZipFile(f"bad CRC-32 for file {info.filename!r}")
    return unpacked
