"""Time of all ICT structures over a year of 1m candles (525,600).

Run from the root of the repository: ``python benchmarks/ict.py``. Where the peers' interpreter has
``smartmoneyconcepts``, its five functions are timed in the same run on the first ``PEER`` candles
(its time grows faster than the candles), or on the whole year (``--peer-year``).
"""

from __future__ import annotations

import sys
import time

from _peers import has_peer, run_peer
from _year import YEAR, a_year, verdict, verdict_ratio

from trading import compiled
from trading.ict.batch import FIELDS, find_structures

PLAIN = 20_000
PEER = 24_000


def main() -> None:
    """Print microseconds a candle and the ratios."""
    compiled.enable()
    year = a_year()
    started = time.perf_counter()
    find_structures(year.rows(0, 1_000))
    print(f"compile or load  {time.perf_counter() - started:9.3f} s")
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        found = find_structures(year)
        seconds.append(time.perf_counter() - started)
    best = min(seconds)
    print(f"compiled         {best:9.3f} s, {best / YEAR * 1e6:.3f} us a candle")
    print("                 " + ", ".join(f"{n} {len(getattr(found, n)['at'])}" for n in FIELDS))
    started = time.perf_counter()
    find_structures(year.rows(0, PLAIN), compiled=False)
    plain = time.perf_counter() - started
    print(f"plain Python     {plain / PLAIN * 1e6:9.1f} us a candle ({PLAIN} candles)")
    verdict("compiled, a candle", best / YEAR * 1e6, 5.0, "us")
    verdict("plain Python, a candle", plain / PLAIN * 1e6, 200.0, "us")
    if not has_peer("smartmoneyconcepts"):
        return
    for rows in (PEER, YEAR) if "--peer-year" in sys.argv else (PEER,):
        peer = run_peer("smart_money", year.rows(0, rows), {})
        if peer is not None:
            print(f"smartmoneyconcepts {peer['seconds']:7.2f} s over {rows} candles")
            verdict_ratio(
                "smartmoneyconcepts / ours, a candle", peer["seconds"] / rows / (best / YEAR), 100
            )


if __name__ == "__main__":
    main()
