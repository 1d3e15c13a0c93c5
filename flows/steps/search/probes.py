"""The probes of one strategy and symbol, as verdicts of its release."""

from __future__ import annotations

from flows.steps.search.optimize_request import OptimizeRequest, Params
from trading.candles import DAY_MS, CandleColumns
from trading.research.gates import GateVerdict
from trading.research.probes.lookahead import probe_lookahead
from trading.research.probes.warmup import probe_warmup

# Sampled, so that a nightly can afford the probes: a quarter takes about a second.
PROBED_DAYS = 90
CUTS = 8
POINTS = 3
PLAIN_ROWS = 4_000  # the probe in plain Python costs about 10 microseconds a candle


def probe_verdicts(
    request: OptimizeRequest, params: Params, candles: CandleColumns
) -> tuple[GateVerdict, ...]:
    """Return the verdicts ``lookahead`` and ``warmup`` of ``params`` on the last 90 days.

    The data is truncated at 8 sampled candles; decisions are followed from 3 sampled moments.
    """
    end = int(candles.open_time[-1]) + candles.interval_ms
    recent = candles.slice(end - PROBED_DAYS * DAY_MS, end)
    strategy = request.strategy
    return (
        probe_lookahead(strategy, params, recent, cuts=CUTS, plain_rows=PLAIN_ROWS).verdict(),
        probe_warmup(strategy, params, recent, points=POINTS).verdict(),
    )
