"""A chart of the report's own style, for a notebook or a page of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

STYLES = ("style/tokens.css", "vendor/uplot/uplot.css", "style/page.css")
SCRIPTS = ("vendor/uplot/uplot.js", "charts/base.js", "charts/curves.js")
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class ChartPage:
    """One chart: what `web/charts` draws from its specification; it loads nothing."""

    title: str
    kind: str
    spec: dict[str, Any]

    @property
    def page(self) -> str:
        """Return an HTML page that draws the chart."""
        root = resources.files("web")
        style = "\n".join((root / name).read_text(encoding="utf-8") for name in STYLES)
        script = "\n".join((root / name).read_text(encoding="utf-8") for name in SCRIPTS)
        data = json.dumps(self.spec, allow_nan=False).translate(_UNSAFE)
        title = escape(self.title)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{style}</style></head><body><main><h1>{title}</h1>"
            f'<div class="chart" data-kind="{self.kind}" data-source="chart"></div>'
            f'<script type="application/json" id="chart">{data}</script>'
            f"</main><script>{script}</script></body></html>"
        )

    def save(self, path: Path | str) -> Path:
        """Write the page to ``path`` and return it."""
        target = Path(path)
        target.write_text(self.page, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return (
            f'<iframe style="width:100%;height:420px;border:0" srcdoc="{escape(self.page)}">'
            "</iframe>"
        )


def curve(title: str, equity: pl.DataFrame) -> ChartPage:
    """Draw equity and drawdown by day."""
    values = equity["equity"]
    drawdown = values / values.cum_max() - 1.0
    series = {"label": "equity", "tone": "accent", "values": values.to_list(), "area": False}
    below = {"label": "drawdown", "tone": "bad", "values": drawdown.to_list(), "area": True}
    panels = [
        {"height": 220, "unit": "number", "digits": 2, "series": [series]},
        {"height": 90, "unit": "share", "digits": 1, "series": [below | {"base": 0}]},
    ]
    times = equity["day"].dt.epoch("ms").to_list()
    return ChartPage(title, "curves", {"times": times, "stepped": False, "panels": panels})


def rolling_curves(title: str, rolling: pl.DataFrame) -> ChartPage:
    """Draw rolling Sharpe ratio and volatility by day."""
    ratio = {"label": "Sharpe ratio", "tone": "accent", "values": rolling["sharpe"].to_list()}
    spread = {"label": "volatility", "tone": "warn", "values": rolling["volatility"].to_list()}
    panels = [
        {"height": 140, "unit": "number", "digits": 2, "series": [ratio | {"area": False}]},
        {"height": 140, "unit": "share", "digits": 1, "series": [spread | {"area": False}]},
    ]
    times = rolling["day"].dt.epoch("ms").to_list()
    return ChartPage(title, "curves", {"times": times, "stepped": False, "panels": panels})
