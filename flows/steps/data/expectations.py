"""The expectation suite of one-minute candles, and the one place that knows Great Expectations.

Imported by the validation step only when there is something to check: the import takes seconds.
"""

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trading.candles import MINUTE_MS

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

with warnings.catch_warnings():
    # Great Expectations 1.24 imports modules that Python 3.11 deprecates.
    warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
    import great_expectations as gx
    import great_expectations.expectations as gxe


if TYPE_CHECKING:
    import pandas as pd

PRICES = ("open", "high", "low", "close")
FLOWS = ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote")
DERIVED = ("open_ms", "past_minute", "over_high", "under_low")
# A context is global to the process; two threads would share one.
_ONE_AT_A_TIME = threading.Lock()
# No market has traded beyond this; it stands for infinity.
LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """Outcome of one suite: expectations that failed, and those that could not be evaluated.

    ``failed`` and ``errored`` hold one phrase per expectation; the suite passed if both are
    empty.
    """

    failed: tuple[str, ...] = ()
    errored: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every expectation was evaluated and met."""
        return not self.failed and not self.errored


def candle_suite() -> gx.ExpectationSuite:
    """Return the expectations of raw candles with four derived columns.

    ``open_ms`` and ``past_minute`` are milliseconds; ``over_high`` and ``under_low`` say how
    far open or close lie outside of high and low, and may not be positive.
    """
    expectations: list[Any] = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectTableColumnsToMatchSet(
            column_set=["open_time", *PRICES, "volume", *FLOWS, *DERIVED],
            exact_match=True,
        ),
        gxe.ExpectColumnValuesToBeOfType(column="open_time", type_="Timestamp"),
        gxe.ExpectColumnValuesToNotBeNull(column="open_time"),
        gxe.ExpectColumnValuesToBeUnique(column="open_time"),
        gxe.ExpectColumnValuesToBeIncreasing(column="open_ms", strictly=True),
        gxe.ExpectColumnValuesToBeBetween(column="past_minute", min_value=0, max_value=0),
    ]
    for name in (*PRICES, "volume"):
        expectations.append(gxe.ExpectColumnValuesToBeOfType(column=name, type_="float64"))
        expectations.append(gxe.ExpectColumnValuesToNotBeNull(column=name))
    for name in PRICES:
        expectations.append(
            gxe.ExpectColumnValuesToBeBetween(
                column=name, min_value=0, strict_min=True, max_value=LARGEST
            )
        )
    for name in ("volume", *FLOWS):
        expectations.append(
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0, max_value=LARGEST)
        )
    for name in ("over_high", "under_low"):
        expectations.append(gxe.ExpectColumnValuesToBeBetween(column=name, max_value=0))
    return gx.ExpectationSuite(name="candles", expectations=expectations)


def validate_frame(frame: pd.DataFrame) -> SuiteResult:
    """Check a pandas frame of raw candles; ``open_time`` is in UTC."""
    derived = frame.assign(
        open_ms=frame["open_time"].astype("int64"),
        past_minute=frame["open_time"].astype("int64") % MINUTE_MS,
        over_high=frame[["open", "close"]].max(axis=1) - frame["high"],
        under_low=frame["low"] - frame[["open", "close"]].min(axis=1),
    )
    with _ONE_AT_A_TIME:
        return _validate(derived)


def _validate(derived: pd.DataFrame) -> SuiteResult:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # as saved
    batch = (
        context.data_sources.add_pandas("lake")
        .add_dataframe_asset("candles")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch(batch_parameters={"dataframe": derived})
    )
    # A yes or no takes half the time of a summary; good data needs no more.
    if batch.validate(candle_suite(), result_format="BOOLEAN_ONLY").success:
        return SuiteResult()
    outcome = batch.validate(candle_suite(), result_format="SUMMARY")
    failed: list[str] = []
    errored: list[str] = []
    for result in outcome.results:
        if result.success:
            continue
        target = errored if _raised(result) else failed
        target.append(_phrase(result))
    return SuiteResult(tuple(failed), tuple(errored))


def _raised(result: Any) -> bool:
    """Check whether the expectation raised; Great Expectations reports that as not met."""
    info = result.exception_info or {}
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(entry.get("raised_exception") for entry in info.values())


def _phrase(result: Any) -> str:
    config = result.expectation_config
    column = str(config.kwargs.get("column", ""))
    count = (result.result or {}).get("unexpected_count")
    rows = f" ({count} rows)" if count else ""
    return f"{config.type} {column}".strip() + rows
