"""The expectation suite of one-minute candles, and the one place that knows Great Expectations.

Imported by the validation step only when there is something to check: the import takes seconds.
"""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flows.steps.data.checks.month_facts import MonthFacts
from trading.candles import MINUTE_MS

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

with warnings.catch_warnings():
    # Great Expectations 1.24 imports modules that Python 3.11 deprecates.
    warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
    import great_expectations as gx
    import great_expectations.expectations as gxe

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


def gate_suite() -> gx.ExpectationSuite:
    """Return one expectation that stands for those of `candle_suite`: no `margins` below 0.

    The cost of a run grows with the number of expectations, not with the rows of its frame.
    """
    least = gxe.ExpectColumnMinToBeBetween(column="margin", min_value=0)
    return gx.ExpectationSuite(name="gate", expectations=[least])


def candle_suite() -> gx.ExpectationSuite:
    """Return the expectations of months of raw candles, over the columns of `MonthFacts`."""
    least, most = gxe.ExpectColumnMinToBeBetween, gxe.ExpectColumnMaxToBeBetween
    expectations: list[Any] = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        least(column="rows", min_value=1),
        most(column="foreign", max_value=0),
        most(column="empty", max_value=0),
        least(column="lowest_price", min_value=0, strict_min=True),
        most(column="highest_price", max_value=LARGEST),
        least(column="lowest_volume", min_value=0),
        most(column="highest_volume", max_value=LARGEST),
        least(column="lowest_flow", min_value=0),
        most(column="highest_flow", max_value=LARGEST),
        least(column="shortest_step", min_value=MINUTE_MS),
        most(column="past_minute", max_value=0),
        most(column="over_high", max_value=0),
        most(column="under_low", max_value=0),
    ]
    return gx.ExpectationSuite(name="candles", expectations=expectations)


def validate_facts(months: Sequence[MonthFacts]) -> SuiteResult:
    """Check months of raw candles by their facts, all in one run of the suite."""
    with _ONE_AT_A_TIME:
        return _validate(months)


def write_pages(symbols: Mapping[str, Sequence[MonthFacts]], folder: Path) -> Path:
    """Check the months of each symbol and write the data docs into ``folder``."""
    import pandas as pd

    with _ONE_AT_A_TIME:
        context = _quiet_context()
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        site = {"class_name": "SiteBuilder", "site_index_builder": index, "store_backend": store}
        for name in list(context.get_site_names()):
            context.delete_data_docs_site(name)  # it lies in a temporary folder
        context.add_data_docs_site("lake", site)
        suite = context.suites.add(candle_suite())
        source = context.data_sources.add_pandas("lake")
        for symbol, months in sorted(symbols.items()):
            batch = source.add_dataframe_asset(symbol).add_batch_definition_whole_dataframe("whole")
            check = gx.ValidationDefinition(name=symbol, data=batch, suite=suite)
            context.validation_definitions.add(check)
            run = gx.Checkpoint(name=symbol, validation_definitions=[check], result_format="BASIC")
            frame = pd.DataFrame([asdict(month) for month in months])
            context.checkpoints.add(run).run(batch_parameters={"dataframe": frame})
        context.build_data_docs(site_names=["lake"])
    return folder / "index.html"


def _quiet_context() -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # as saved
    return context


def _validate(months: Sequence[MonthFacts]) -> SuiteResult:
    import pandas as pd

    # A yes or no takes a quarter of the time of a summary; good data needs no more.
    gate = _batch(pd.DataFrame({"margin": margins(months)}, dtype=float))
    if gate.validate(_gate(), result_format="BOOLEAN_ONLY").success:
        return SuiteResult()
    batch = _batch(pd.DataFrame([asdict(month) for month in months]))
    outcome = batch.validate(_suite(), result_format="BASIC")
    failed: list[str] = []
    errored: list[str] = []
    for result in outcome.results:
        if result.success:
            continue
        if _raised(result):
            errored.append(_name(result))
        else:
            failed.append(_phrase(result))
    if not failed and not errored:
        errored.append("the gate over all facts")  # it said no, and no single fact says why
    return SuiteResult(tuple(failed), tuple(errored))


def margins(months: Sequence[MonthFacts]) -> list[float]:
    """Return how far each fact of the months lies within its bound; below 0 it is beyond it."""
    found: list[float] = []
    for one in months:
        found += (
            one.rows - 1,
            -one.foreign,
            -one.empty,
            one.lowest_price - math.ulp(0.0),  # more than 0
            LARGEST - one.highest_price,
            one.lowest_volume,
            LARGEST - one.highest_volume,
            one.lowest_flow,
            LARGEST - one.highest_flow,
            one.shortest_step - MINUTE_MS,
            -one.past_minute,
            -one.over_high,
            -one.under_low,
        )
    return found


def _batch(frame: Any) -> Any:
    return _definition().get_batch(batch_parameters={"dataframe": frame})


@cache
def _gate() -> gx.ExpectationSuite:
    return gate_suite()


@cache
def _suite() -> gx.ExpectationSuite:
    return candle_suite()


@cache
def _definition() -> Any:
    """Return where every batch of this process comes from; to make it costs as much as a check."""
    source = _quiet_context().data_sources.add_pandas("lake")
    return source.add_dataframe_asset("candles").add_batch_definition_whole_dataframe("whole")


def _raised(result: Any) -> bool:
    """Check whether the expectation raised; Great Expectations reports that as not met."""
    info = result.exception_info or {}
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(entry.get("raised_exception") for entry in info.values())


def _name(result: Any) -> str:
    config = result.expectation_config
    return f"{config.type} {config.kwargs.get('column', '')}".strip()


def _phrase(result: Any) -> str:
    """Say what was found and what is wanted: ``lowest_volume is -3.0, at least 0 is wanted``."""
    kwargs = result.expectation_config.kwargs
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
    bound = f"more than {least:g}" if kwargs.get("strict_min") else bound
    found = (result.result or {}).get("observed_value")
    return f"{kwargs.get('column', 'rows')} is {found}, {bound} is wanted"
