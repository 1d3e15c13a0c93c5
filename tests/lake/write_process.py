"""A process that writes one partition until it is killed; run by the crash tests."""

from __future__ import annotations

import sys
from itertools import count

from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.lake.builders import MAY_31_2358, SERIES, candles


def main() -> None:
    """Write new content again and again; report the first write."""
    lake = Lake(sys.argv[1])
    for n in count():
        lake.write(RAW_CANDLES, candles(MAY_31_2358, [float(n)] * 2), **SERIES)
        if n == 0:
            print("writing", flush=True)


if __name__ == "__main__":
    main()
