"""Layer ``research``: what is known of each hypothesis: its looks, and the days it never saw."""

from __future__ import annotations

from lake.contract import REAL, TEXT, TIME, WHOLE, Table, schema_of

TRIAL_RETURNS = Table(
    name="trial_returns",
    layer="research",
    # Written by searches on nights of a look; days without a return are left out. Trial -1 is the
    # stitched out-of-sample run, the others are those of ``searches``.
    schema=schema_of(
        {
            "as_of": TIME,
            "strategy": TEXT,
            "symbol": TEXT,
            "trial": WHOLE,
            "day": TIME,
            "net_return": REAL,
        },
        {},
    ),
    key=("strategy", "symbol", "trial", "day"),
    partition=("run",),
    time="as_of",
    known="upto",
    view="trial_returns",
)
LOOKS = Table(
    name="looks",
    layer="research",
    # One row per look: what it spent of the budget, what it found, and what it froze.
    schema=schema_of(
        {
            "as_of": TIME,
            "kind": TEXT,
            "name": TEXT,
            "rules": TEXT,
            "grid": TEXT,
            "look": WHOLE,
            "share": REAL,
            "alpha": REAL,
            "trials": WHOLE,
            "days": WHOLE,
            "symbols": TEXT,
            "passed": WHOLE,
            "reason": TEXT,
            "findings": TEXT,
        },
        {
            "p_value": REAL,
            "statistic": REAL,
            "loss_probability": REAL,
            "ruin": REAL,
            "envelope": REAL,
        },
    ),
    key=("as_of",),
    partition=("hypothesis",),
    time="as_of",
    known="upto",
    view="looks",
)
UNSEEN_DAYS = Table(
    name="unseen_days",
    layer="research",
    # One row per day after a look froze its candidate; ``known_at`` is the end of the day.
    schema=schema_of(
        {
            "known_at": TIME,
            "frozen_at": TIME,
            "day": TIME,
            "net_return": REAL,
            "live_return": REAL,
            "hypotheses": WHOLE,
            "state": TEXT,
            "e_value": REAL,
            "confirm_at": REAL,
            "decay": REAL,
            "drawdown": REAL,
            "days": WHOLE,
            "reason": TEXT,
        },
        {},
    ),
    key=("frozen_at", "day"),
    partition=("hypothesis",),
    time="known_at",
    known="upto",
    view="unseen_days",
)
PARITY = Table(
    name="parity",
    layer="research",
    # One row per decision of a day (enter, exit), per trade that was closed on it (trade), and per
    # strategy on a symbol that could not be compared (subject). Returns are fractions of what was
    # entered; the gap is the sum of the five columns after it.
    schema=schema_of(
        {
            "known_at": TIME,
            "what": TEXT,
            "venue": TEXT,
            "strategy": TEXT,
            "symbol": TEXT,
            "bar_time": TIME,
            "verdict": TEXT,
            "reason": TEXT,
            "live": TEXT,
            "replayed": TEXT,
            "release_id": TEXT,
        },
        {
            "live_return": REAL,
            "replayed_return": REAL,
            "gap": REAL,
            "fees": REAL,
            "funding": REAL,
            "slippage": REAL,
            "latency": REAL,
            "rest": REAL,
            "delay_ms": WHOLE,
            "position_id": WHOLE,
        },
    ),
    key=("what", "venue", "strategy", "symbol", "bar_time"),
    partition=("day",),
    time="known_at",
    known="upto",
    view="parity",
)
