"""The steps of the flows as tasks: their names, their time limits, and what they run.

A step takes the request and keys, opens the lake itself, and returns something small. Modules with
heavy libraries (Great Expectations, DuckDB, LightGBM, numba) are imported when a step runs.
"""

from __future__ import annotations

from flows.tasks.data import DATA_DOCS, DOWNLOAD, IMPORT, IMPORTED, VALIDATE
from flows.tasks.features import BARS, FEATURES, RELATIVE, STRUCTURES, UNIVERSE
from flows.tasks.keys import POOL, SEPARATOR, StepSummary, model_keys, search_keys, symbol_of
from flows.tasks.models import MODEL_EVIDENCE, TRAIN, TRAIN_ENTRIES, entry_keys, merged
from flows.tasks.parity import PARITY
from flows.tasks.release import PUBLISH, PUBLISH_K, PUBLISH_UNIVERSE, RELEASED, RETUNE, SCAN
from flows.tasks.reporting import EXPORT, REPORT, SUMMARY
from flows.tasks.search import EVIDENCE, OPTIMIZE

__all__ = [
    "BARS",
    "DATA_DOCS",
    "DOWNLOAD",
    "EVIDENCE",
    "EXPORT",
    "FEATURES",
    "IMPORT",
    "IMPORTED",
    "MODEL_EVIDENCE",
    "TRAIN_ENTRIES",
    "entry_keys",
    "merged",
    "OPTIMIZE",
    "PARITY",
    "POOL",
    "PUBLISH",
    "PUBLISH_K",
    "PUBLISH_UNIVERSE",
    "RELATIVE",
    "RELEASED",
    "REPORT",
    "RETUNE",
    "SCAN",
    "SEPARATOR",
    "STRUCTURES",
    "SUMMARY",
    "StepSummary",
    "TRAIN",
    "UNIVERSE",
    "VALIDATE",
    "model_keys",
    "search_keys",
    "symbol_of",
]
