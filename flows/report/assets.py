"""Style and scripts of `web/`, inlined into one page that loads nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from flows.report.formats import MONTHS
from flows.report.language import ENGLISH, current, tr, zone_name

STYLES = ("style/tokens.css", "vendor/uplot/uplot.css", "style/page.css")
SCRIPTS = (
    "vendor/lightweight-charts/lightweight-charts.js",
    "vendor/uplot/uplot.js",
    "charts/base.js",
    "charts/curves.js",
    "charts/bars.js",
    "charts/heat_map.js",
    "charts/candles.js",
    "page/theme.js",
    "page/tables.js",
)
SCRIPT_WORDS = (
    "long",
    "short",
    "chosen",
    "on the plateau",
    "fair value gap",
    "order block",
    "liquidity",
    "bullish",
    "bearish",
    "buy-side",
    "sell-side",
    "{name} {price}",
    "{name} {low} to {high}",
    "O",
    "H",
    "L",
    "C",
    "{day} {month}",
    *MONTHS,
    "Show all {count}",
    "Filter rows",
)
"""What the scripts of `web/` say; a test compares it with them."""
UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""What could end a data block of HTML, or a line of a script."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The inlined style and script, and the policy that allows only them."""

    style: Markup
    script: Markup
    policy: str


@functools.cache
def assets() -> Assets:
    """Read the files of `web/` once."""
    root = resources.files("web")
    style = "\n".join((root / name).read_text(encoding="utf-8") for name in STYLES)
    script = "\n".join((root / name).read_text(encoding="utf-8") for name in SCRIPTS)
    if "</script" in script.lower() or "</style" in style.lower():
        raise ValueError("a file of web/ would end the element that it is inlined into")
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # Files of our own, checked above.
    return Assets(Markup(style), Markup(script), policy)  # noqa: S704


def digest(text: str) -> str:
    """Return the hash by which a content security policy allows an inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def data_block(data: Any) -> Markup:
    """Write JSON for a `<script type="application/json">`: no text can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(UNSAFE))  # noqa: S704 (UNSAFE is translated)


def render(template: str, **values: Any) -> str:
    """Render a template of the report; the engine escapes every text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("flows.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = data_block
    environment.globals |= {"tr": tr, "zone_name": zone_name}
    locale = current()
    words = {} if locale.language == ENGLISH else {word: tr(word) for word in SCRIPT_WORDS}
    return environment.get_template(template).render(
        assets=assets(), locale=locale, words=words, **values
    )
