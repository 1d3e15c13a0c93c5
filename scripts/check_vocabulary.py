"""Check that one thing has one name: the words of `RULES` appear nowhere in the project.

Checked are identifiers, docstrings, comments, messages, documents and file names. A word that is
stored (a parameter, a settings key, a column) is an exception with its reason; an exception that
nothing needs is an error too.

Usage: python scripts/check_vocabulary.py
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TEXTS = {".md", ".sql", ".toml", ".yaml", ".yml", ".sh", ".j2"}
SKIPPED = ("*.lock", "scripts/check_vocabulary.py", "tests/house/test_vocabulary.py")


@dataclass(frozen=True, slots=True)
class Rule:
    """A word that is not used, and what to write instead.

    ``names`` are its forms as a part of an identifier. ``text`` is the pattern that finds it in
    prose; by default its forms. ``files`` are patterns of the files that the rule is meant for.
    """

    word: str
    instead: str
    names: tuple[str, ...] = ()
    text: str = ""
    files: tuple[str, ...] = ("*",)

    def applies(self, path: str) -> bool:
        """Whether the rule is meant for a file."""
        return any(fnmatch(path, pattern) for pattern in self.files)

    def in_name(self, name: str) -> bool:
        """Whether an identifier or a file name has the word among its parts."""
        return not parts_of(name).isdisjoint(self.names)

    def in_text(self, text: str) -> bool:
        """Whether prose has the word."""
        return re.search(self.pattern, text, re.IGNORECASE) is not None

    @property
    def pattern(self) -> str:
        """Return what finds the word in prose."""
        return self.text or rf"\b(?:{'|'.join(self.names)})\b"


def rule(
    word: str, instead: str, *others: str, text: str = "", files: tuple[str, ...] = ("*",)
) -> Rule:
    """Return a rule for a word and its other forms."""
    return Rule(word, instead, (word, *others), text, files)


# In the sandbox, speed is how fast market time passes.
BACKENDS = ("trading/*", "flows/*", "cli/backtesting/*", "tests/trading/*", "tests/parity/*")

RULES = (
    rule("desk", "order manager", "desks"),
    rule("intake", "execution reports"),
    rule("booking", "position updates"),
    rule("stager", "scaling"),
    rule("guards", "exit monitor, stop manager, watchdog, closer", "guarding"),
    rule("protector", "stop manager"),
    rule("lane", "strategy runner", "lanes"),
    rule("sharing", "allocation"),
    # A fault halts a symbol and batch code switches compiling on: the verbs are ordinary.
    rule(
        "halts",
        "trading state",
        "switches",
        text=r"\b(?:the|its|all|of|these) (?:halts|switches)\b",
    ),
    rule("telling", "reasons", "saying"),
    rule("dealings", "costs, fills, trades", "deals"),
    rule("mischief", "incidents"),
    Rule("ordering faults", "fault injection", text=r"\border(?:ing|s|ed)? (?:a )?faults?\b"),
    rule(
        "speed",
        "backend",
        "speeds",
        text=r"\b(?:two|both|each|either|plain|compiled|slower|faster|other) speeds?\b",
        files=BACKENDS,
    ),
    rule("judge", "evaluate, validated, out-of-sample", "judged", "judges", "judging"),
    rule("told", "notified"),
    Rule("asked for", "requested", text=r"\basked for\b"),
    rule("anew", "again"),
    rule("seat", "a strategy on a symbol", "seats"),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A place where a word may stay; ``files`` is a pattern, ``line`` must appear in the line."""

    word: str
    files: str
    line: str
    reason: str


ACCOUNT_FILE = "a table of the account file: a stored word"
ALLOWED: tuple[Allowed, ...] = (
    Allowed("seat", "config/account.example.toml", "[[seats]]", ACCOUNT_FILE),
    Allowed("seat", "cli/backtesting/account_file.py", "[[seats]]", ACCOUNT_FILE),
    Allowed("seat", "docs/simulation.md", "[[seats]]", ACCOUNT_FILE),
    Allowed("seat", "tests/cli/backtesting/test_account.py", "[[seats]]", ACCOUNT_FILE),
    Allowed("seat", "tests/cli/backtesting/test_costs_at_every_door.py", "[[seats]]", ACCOUNT_FILE),
    Allowed(
        "dealings", "docs/simulation.md", "`dealings` in its JSON", "a key of releases: stored"
    ),
)

ROOMS = {"trading"}
ING = "a module is named by a noun of the field, not by what it does"
NOUNS = {
    "backtesting": "the activity is the subject: back-tests and searches",
    "funding": "a noun of perpetual futures: the rate that longs and shorts pay each other",
    "hosting": "a noun of operations: where servers run",
    "importing": "the step is named import, which Python reserves",
    "market_making": "a noun of trading",
    "masking": "a noun of security",
    "matching": "a noun of exchanges: the matching engine",
    "numba_linking": "a noun of compilers",
    "numba_loading": "a noun of compilers",
    "quoting": "a noun of trading: what a market maker does",
    "ranking": "a noun: the order of the candidates",
    "reporting": "a noun: the steps that report",
    "rolling": "an adjective: measures over a rolling window",
    "scaling": "a noun of trading: scaling in and out",
    "signing": "a noun of security: signatures of requests",
    "sizing": "a noun of trading: the size of a position",
    "boosting": "a noun of learning: gradient boosting",
    "overfitting": "a noun of statistics",
}
"""Module and folder names that end in -ing, each with its reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A word where it should not be."""

    path: str
    line: int
    rule: Rule
    shown: str

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: '{self.rule.word}', write {self.rule.instead}: {self.shown}"
        )


@cache
def parts_of(name: str) -> frozenset[str]:
    """Split an identifier into words: ``OrderDesk`` and ``order_desk`` are order, desk."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"[_\W]+", " ", name))
    return frozenset(spaced.lower().split())


@cache
def rules_of_text(rules: tuple[Rule, ...]) -> re.Pattern[str]:
    """Return one pattern that finds a word of any of the rules in prose."""
    return re.compile("|".join(f"(?:{each.pattern})" for each in rules), re.IGNORECASE)


@cache
def rules_of_name(name: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules whose word is part of an identifier."""
    return tuple(each for each in rules if each.in_name(name))


def names_and_texts(path: str, source: str) -> Iterator[tuple[int, str, bool]]:
    """Line and content of everything that is checked; the flag marks an identifier."""
    if not path.endswith(".py"):
        for number, line in enumerate(source.splitlines(), start=1):
            yield number, line, False
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, False
        elif token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " "), False  # a sentence
        elif token.type == tokenize.NAME:
            yield token.start[0], token.string, True
    for node in ast.walk(ast.parse(source)):
        # A text without a space is a key, a column or an event: a stored word.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for offset, line in enumerate(node.value.splitlines()):
                yield node.lineno + offset, line, False


def findings(path: str, source: str) -> list[Finding]:
    """Every word of the rules in a file, once a line."""
    found: dict[tuple[int, str], Finding] = {}
    lines = source.splitlines()
    rules = tuple(each for each in RULES if each.applies(path))
    any_word = rules_of_text(rules)
    for number, content, is_name in names_and_texts(path, source):
        if is_name:
            broken = rules_of_name(content, rules)
        elif any_word.search(content):
            broken = tuple(each for each in rules if each.in_text(content))
        else:
            continue
        for each in broken:
            shown = lines[number - 1].strip() if number <= len(lines) else content.strip()
            found.setdefault((number, each.word), Finding(path, number, each, shown))
    return [found[key] for key in sorted(found)]


def names_of_file(path: str) -> list[str]:
    """Report what is wrong with the name of a file or of its folder."""
    place = Path(path)
    wrong = [
        f"{path}: '{each.word}' in its name, write {each.instead}"
        for each in RULES
        if each.applies(path) and each.in_name(place.stem)
    ]
    if place.suffix != ".py" or path.startswith("tests/"):
        return wrong
    names = [place.parent.name if place.stem == "__init__" else place.stem]
    names = [name for name in names if name not in ROOMS]
    return wrong + [
        f"{path}: '{name}' ends in -ing; {ING}"
        for name in names
        if name.endswith("ing") and name not in NOUNS
    ]


def committed() -> list[str]:
    """List the files that git tracks and that are checked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [
        name
        for name in listed
        if (name.endswith(".py") or Path(name).suffix in TEXTS or name == "Makefile")
        and not any(fnmatch(name, pattern) for pattern in SKIPPED)
        and (PROJECT / name).is_file()
    ]


def check(paths: Iterable[str]) -> list[str]:
    """Report what is wrong in these files, one sentence each."""
    problems: list[str] = []
    used: set[Allowed] = set()
    for path in paths:
        problems += names_of_file(path)
        for found in findings(path, (PROJECT / path).read_text(encoding="utf-8")):
            allowed = [
                each
                for each in ALLOWED
                if each.word == found.rule.word
                and fnmatch(path, each.files)
                and each.line in found.shown
            ]
            used.update(allowed)
            if not allowed:
                problems.append(str(found))
    problems += [
        f"the exception for '{each.word}' in {each.files} ({each.line}) is not needed any more"
        for each in ALLOWED
        if each not in used
    ]
    return problems


def main() -> int:
    """Print what is wrong; the exit status."""
    problems = check(committed())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
