"""Time of all ICT structures over a year of 1m candles (525,600).

Run from the root of the repository: ``python benchmarks/ict.py``. Where the peers' interpreter has
``smartmoneyconcepts``, its five functions are timed in the same run on the first ``PEER`` candles
(its time grows faster than the candles), or on the whole year (``--peer-year``).
"""

from __future__ import annotations

import sys
import time

from _peers import has_peer, run_peer
from _verdicts import Verdicts
from _year import YEAR, a_year

from trading import compiled
from trading.candles import CandleColumns
from trading.ict.batch import FIELDS, find_structures

PLAIN = 20_000
PEER = 24_000


def main() -> None:
    """Print microseconds a candle and the ratios."""
    verdicts = Verdicts()
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
    verdicts.at_most("compiled, a candle", best / YEAR * 1e6, 5.0, "us")
    verdicts.at_most("plain Python, a candle", plain / PLAIN * 1e6, 200.0, "us")
    compare(verdicts, year, best)
    verdicts.finish()


def compare(verdicts: Verdicts, year: CandleColumns, best: float) -> None:
    """The peer on the first candles; ``best`` is our time for the year, in seconds."""
    what = "smartmoneyconcepts / ours, a candle"
    if not has_peer("smartmoneyconcepts"):
        verdicts.not_taken(what, "the peer is not installed")
        return
    for rows in (PEER, YEAR) if "--peer-year" in sys.argv else (PEER,):
        peer = run_peer("smart_money", year.rows(0, rows), {})
        if peer is None:
            verdicts.not_taken(what, "the peer failed")
            continue
        print(f"smartmoneyconcepts {peer['seconds']:7.2f} s over {rows} candles")
        verdicts.at_least(what, peer["seconds"] / rows / (best / YEAR), 100)


if __name__ == "__main__":
    main()
