"""The language and the clock of a page: English, or a catalogue of `languages/`.

The English text is the key of the catalogue, as in gettext. A page is built and rendered inside
`localized`; outside of it everything is English and UTC.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Locale:
    """How a page reads: its language (``en`` or ``ko``) and the time zone of its clock."""

    language: str = ENGLISH
    timezone: str = "UTC"


PLAIN = Locale()
_CURRENT: ContextVar[Locale] = ContextVar("locale", default=PLAIN)


@contextmanager
def localized(chosen: Locale) -> Iterator[None]:
    """Build and render pages in a language and a time zone."""
    token = _CURRENT.set(chosen)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Locale:
    """Return the locale of the page that is being made."""
    return _CURRENT.get()


@functools.cache
def catalogue(language: str) -> Mapping[str, str]:
    """Read the texts of a language by their English ones."""
    found: dict[str, str] = {}
    for texts in _tables(language).values():
        found |= texts
    return found


@functools.cache
def _tables(language: str) -> Mapping[str, Mapping[str, str]]:
    file = resources.files("flows.report") / "languages" / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def tr(text: str, /, **values: object) -> str:
    """Return a text in the language of the page, with its placeholders filled in."""
    language = current().language
    if language != ENGLISH:
        text = catalogue(language).get(text, text)
    return text.format(**values) if values else text


def each(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of a table's head in the language of the page."""
    return tuple(tr(text) for text in texts)


def counted(count: str, singular: str, plural: str, one: bool) -> str:
    """Return ``1 row`` or ``2 rows``; languages without a plural have the text of the plural."""
    english = current().language == ENGLISH
    return tr(f"{{count}} {singular if one and english else plural}", count=count)


def joined(words: Iterable[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    texts = list(words)
    if len(texts) < 2:
        return "".join(texts)
    return tr("{first} and {last}", first=", ".join(texts[:-1]), last=texts[-1])


def zone() -> ZoneInfo:
    """Return the time zone of the page."""
    return ZoneInfo(current().timezone)


def zone_name() -> str:
    """Return ``UTC`` or ``KST``; a zone with summer time goes by its whole name."""
    names = {datetime(2025, month, 1, tzinfo=UTC).astimezone(zone()).tzname() for month in (1, 7)}
    return str(names.pop()) if len(names) == 1 else current().timezone


def recorded(text: str) -> str:
    """Return a sentence that another part wrote and stored, in the language of the page.

    It is found as it is, or by a template of the catalogue's table ``recorded``; what a template
    does not hold, such as a sentence of an older version, stays as it was recorded.
    """
    language = current().language
    if language == ENGLISH:
        return text
    known = catalogue(language)
    if text in known:
        return known[text]
    for pattern, template in _templates(language):
        if found := pattern.fullmatch(text):
            values = {name: recorded(value) for name, value in found.groupdict().items()}
            return template.format(**values)
    return text


@functools.cache
def _templates(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the templates of recorded sentences, the most specific first."""
    texts = _tables(language).get("recorded", {})
    ordered = sorted(texts, key=lambda text: -len(re.sub(r"\{\w+\}", "", text)))
    return tuple((_pattern(text), texts[text]) for text in ordered if "{" in text)


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", text)
    return re.compile(
        "".join(
            f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        ),
        re.DOTALL,
    )
