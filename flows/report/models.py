"""The section of the models: what was learned, against the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report.views import ModelView

Row = Mapping[str, Any]


def models_lead(rows: Sequence[Row], manifest: Row | None) -> str:
    del manifest
    return "" if rows else "No model was trained for this release."


def model_views(rows: Sequence[Row], manifest: Row | None) -> tuple[ModelView, ...]:
    del rows, manifest
    return ()
