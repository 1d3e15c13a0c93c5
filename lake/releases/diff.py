"""The differences between two releases, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lake.partitions import iso
from lake.releases.manifest import StrategyEntry
from lake.releases.reader import PARAMS, Release


@dataclass(frozen=True)
class ReleaseDiff:
    """The differences between two releases; ``changes`` are in reading order."""

    before: str
    after: str
    changes: tuple[str, ...]


def diff_releases(before: Release, after: Release) -> ReleaseDiff:
    """Compare strategies, parameters, verdicts, files, data and validity."""
    changes = [
        *_strategy_changes(before, after),
        *_named_changes("file", _files(before), _files(after)),
        *_named_changes("partition", _partitions(before), _partitions(after)),
        *_named_changes("left out", _left_out(before), _left_out(after)),
        *_named_changes(
            "valid until",
            {kind: iso(moment) for kind, moment in before.valid_until.items()},
            {kind: iso(moment) for kind, moment in after.valid_until.items()},
        ),
    ]
    return ReleaseDiff(before.release_id, after.release_id, tuple(changes))


def _strategy_changes(before: Release, after: Release) -> list[str]:
    old = {(e.strategy, e.venue, e.symbol): e for e in before.strategies}
    new = {(e.strategy, e.venue, e.symbol): e for e in after.strategies}
    lines = []
    for key in sorted(old.keys() | new.keys()):
        name = f"{key[0]} {key[2]}"
        if key not in new:
            lines.append(f"strategy {name}: removed")
        elif key not in old:
            lines.append(f"strategy {name}: added ({_proof(new[key])})")
        else:
            lines += _named_changes(name, _facts(old[key]), _facts(new[key]))
    return lines


def _facts(entry: StrategyEntry) -> dict[str, Any]:
    return {**entry.params, "proof": _proof(entry), "apply_to_open": entry.apply_to_open}


def _proof(entry: StrategyEntry) -> str:
    return "proven" if entry.proven else "unproven"


def _files(release: Release) -> dict[str, str]:
    return {file.path: file.sha256[:12] for file in release.files if file.path != PARAMS}


def _partitions(release: Release) -> dict[str, str]:
    return {ref.path: f"{ref.rows} rows {ref.sha256[:12]}" for ref in release.fingerprint}


def _left_out(release: Release) -> dict[str, str]:
    return {item.symbol: item.reason for item in release.left_out}


def _named_changes(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            lines.append(f"{what} {name}: {old[name]} → removed")
        elif name not in old:
            lines.append(f"{what} {name}: added {new[name]}")
        elif old[name] != new[name]:
            lines.append(f"{what} {name}: {old[name]} → {new[name]}")
    return lines
