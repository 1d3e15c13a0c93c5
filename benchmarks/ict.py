"""Time of all ICT structures over a year of 1m candles (525,600).

Run from the root of the repository: ``python benchmarks/ict.py``. If the peers' interpreter has
``smartmoneyconcepts``, its five functions are timed in the same run: on the first ``PEER`` candles,
and on the whole year until ``LIMIT_S`` seconds stop them (with ``--peer-year`` they finish, after a
quarter of an hour). Times are processor times.
"""

from __future__ import annotations

import sys
import time

from _peers import has_peer, run_peer
from _targets import Targets
from _year import YEAR, a_year

from trading.candles import CandleColumns
from trading.ict.batch import FIELDS, find_structures
from trading.jit import compiler

PLAIN = 20_000
PEER = 24_000
LIMIT_S = 60.0


def main() -> None:
    """Print microseconds per candle and the ratios."""
    targets = Targets()
    compiler.enable()
    year = a_year()
    started = time.process_time()
    find_structures(year.rows(0, 1_000))
    print(f"compile or load  {time.process_time() - started:9.3f} s")
    seconds = []
    for _ in range(5):
        started = time.process_time()
        found = find_structures(year)
        seconds.append(time.process_time() - started)
    best = min(seconds)
    print(f"compiled         {best:9.3f} s, {best / YEAR * 1e6:.3f} us a candle")
    print("                 " + ", ".join(f"{n} {len(getattr(found, n)['at'])}" for n in FIELDS))
    started = time.process_time()
    find_structures(year.rows(0, PLAIN), compiled=False)
    plain = time.process_time() - started
    print(f"plain Python     {plain / PLAIN * 1e6:9.1f} us a candle ({PLAIN} candles)")
    targets.at_most("compiled, a candle", best / YEAR * 1e6, 5.0, "us")
    targets.at_most("plain Python, a candle", plain / PLAIN * 1e6, 200.0, "us")
    compare(targets, year, best)
    targets.finish()


def compare(targets: Targets, year: CandleColumns, best: float) -> None:
    """Time the peer on the first candles, then on all; ``best`` is our time for the year (s)."""
    a_candle, whole = "smartmoneyconcepts / ours, a candle", "smartmoneyconcepts / ours, a year"
    if not has_peer("smartmoneyconcepts"):
        targets.not_taken(a_candle, "the peer is not installed")
        return
    limit = 0.0 if "--peer-year" in sys.argv else LIMIT_S
    for what, rows, limit_s in ((a_candle, PEER, 0.0), (whole, YEAR, limit)):
        peer = run_peer("smart_money", year.rows(0, rows), {"limit_s": limit_s})
        if peer is None:
            targets.not_taken(what, "the peer failed")
            continue
        taken = peer["seconds"]
        seconds = sum(taken.values())
        ended = f"stopped in {list(taken)[-1]}" if peer["stopped"] else "all five"
        print(f"smartmoneyconcepts {seconds:7.2f} s over {rows} candles ({ended})")
        print("                 " + ", ".join(f"{name} {took:.2f}" for name, took in taken.items()))
        targets.at_least(what, seconds / rows / (best / YEAR), 100)


if __name__ == "__main__":
    main()
