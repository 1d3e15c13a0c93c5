"""Completion of tables, columns, keywords and dot commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

KEYWORDS = [
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "count",
    "cross",
    "current_timestamp",
    "date_trunc",
    "desc",
    "describe",
    "distinct",
    "else",
    "end",
    "exists",
    "explain",
    "from",
    "group",
    "having",
    "in",
    "interval",
    "is",
    "join",
    "lag",
    "left",
    "like",
    "limit",
    "max",
    "min",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "pivot",
    "qualify",
    "round",
    "select",
    "sum",
    "summarize",
    "then",
    "union",
    "unpivot",
    "using",
    "values",
    "when",
    "where",
    "with",
]
_TABLE_NEXT = re.compile(r"(?:\b(?:from|join|describe|summarize|pivot|unpivot)|^\s*\.schema)\s+$")
_WORD = re.compile(r"[a-z_][a-z_0-9]*")


class Completion:
    """What may follow, given the statement so far."""

    def __init__(self, columns: Mapping[str, Sequence[str]], commands: Sequence[str]) -> None:
        self._columns = columns
        self._commands = commands

    def of(self, before: str, word: str) -> list[str]:
        """Return the completions of ``word``; ``before`` is all that stands before it."""
        if word.startswith("."):
            return self._matching(self._commands, word) if not before.strip() else []
        if _TABLE_NEXT.search(before.lower()):
            return self._matching(self._columns, word)
        table, dot, part = word.rpartition(".")
        if dot:
            columns = self._columns.get(table.lower(), ())
            return [f"{table}.{name}" for name in self._matching(columns, part)]
        keywords = [name.upper() if word.isupper() else name for name in KEYWORDS]
        return self._matching({*self._near(before), *self._columns, *keywords}, word)

    def _near(self, before: str) -> set[str]:
        """Return the columns of the tables that the statement names, or else of all tables."""
        named = set(_WORD.findall(before.lower())) & set(self._columns)
        return {column for table in named or self._columns for column in self._columns[table]}

    @staticmethod
    def _matching(names: Iterable[str], word: str) -> list[str]:
        return sorted(name for name in names if name.lower().startswith(word.lower()))
