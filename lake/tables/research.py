"""Layer ``research``: results of searches, back-tests and training, one partition per run."""

from __future__ import annotations

from lake.contract import REAL, TEXT, TIME, WHOLE, Table, schema_of

_RESULT = {"as_of": TIME, "strategy": TEXT, "symbol": TEXT}
SEARCHES = Table(
    name="searches",
    layer="research",
    schema=schema_of(_RESULT | {"trial": WHOLE, "params": TEXT}, {"interval": TEXT}),
    key=("strategy", "symbol", "trial"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="searches",
)
FOLDS = Table(
    name="folds",
    layer="research",
    schema=schema_of(
        _RESULT
        | {
            "fold": WHOLE,
            "train_from": TIME,
            "train_to": TIME,
            "test_from": TIME,
            "test_to": TIME,
        },
        {"params": TEXT},
    ),
    key=("strategy", "symbol", "fold"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="folds",
)
TRADES = Table(
    name="trades",
    layer="research",
    # sample: in_sample, out_of_sample, backtest …
    schema=schema_of(
        _RESULT
        | {
            "sample": TEXT,
            "entry_time": TIME,
            "exit_time": TIME,
            "side": WHOLE,
            "entry_price": REAL,
            "exit_price": REAL,
            "net_return": REAL,
            "reason": TEXT,
        },
        {},
    ),
    key=("strategy", "symbol", "sample", "entry_time", "exit_time"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="trades",
)
EQUITY = Table(
    name="equity",
    layer="research",
    schema=schema_of(_RESULT | {"sample": TEXT, "time": TIME, "equity": REAL}, {}),
    key=("strategy", "symbol", "sample", "time"),
    partition=("run",),
    time="as_of",
    known="upto",
    view="research_equity",
)
MODELS = Table(
    name="models",
    layer="research",
    # fold -1 is the model itself, trained on everything before as_of; file is relative to the lake.
    schema=schema_of(
        {"as_of": TIME, "model": TEXT, "symbol": TEXT, "fold": WHOLE},
        {
            "train_from": TIME,
            "train_to": TIME,
            "test_from": TIME,
            "test_to": TIME,
            "features": TEXT,
            "params": TEXT,
            "file": TEXT,
            "sha256": TEXT,
            "verdict": TEXT,
        },
    ),
    key=("model", "symbol", "fold"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="models",
)
FORECASTS = Table(
    name="forecasts",
    layer="research",
    # Out-of-sample forecasts of the last walk-forward: each row's model was fitted on earlier days.
    # made_at is the close of the last candle that a forecast has seen; usual is None for a return.
    schema=schema_of({"made_at": TIME, "value": REAL}, {"usual": REAL}),
    key=("made_at",),
    partition=("venue", "symbol", "target"),
    time="made_at",
    known="upto",
    view="forecasts",
)
DRIFT = Table(
    name="drift",
    layer="research",
    schema=schema_of({"as_of": TIME, "symbol": TEXT, "feature": TEXT, "score": REAL}, {}),
    key=("symbol", "feature"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="drift",
)
