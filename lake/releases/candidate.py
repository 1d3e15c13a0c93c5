"""What a flow proposes to publish, and the release that it becomes: no file is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lake.files import sha256_bytes
from lake.partitions import PartitionRef, iso
from lake.releases.manifest import (
    SCHEMA_VERSION,
    VALIDITY,
    Carried,
    FlowRun,
    LeftOut,
    Manifest,
    Reading,
    ReleaseFile,
    StrategyEntry,
    is_proven,
    params_document,
    pretty,
    release_id_of,
    short_id,
)
from lake.releases.reader import MANIFEST, PARAMS, Release
from trading.errors import DataError
from trading.strategies.registry import get_strategy


@dataclass(frozen=True)
class NewFile:
    """A file to publish: its path inside the release, its kind, its bytes."""

    path: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Candidate:
    """A release that a flow proposes.

    ``as_of`` is market time (UTC): nothing at or after it was read, as ``fingerprint`` proves.
    Its kinds are ``params`` if it has strategies, and those of its files; it replaces only these
    in the current release. ``valid_for`` overrides `VALIDITY` per kind.
    """

    as_of: datetime
    fingerprint: tuple[PartitionRef, ...]
    flow_run: FlowRun
    git_commit: str = ""
    strategies: tuple[StrategyEntry, ...] = ()
    files: tuple[NewFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    valid_for: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds it brings."""
        brought = {file.kind for file in self.files}
        return tuple(sorted(brought | {"params"} if self.strategies else brought))


@dataclass(frozen=True)
class ReleaseDraft:
    """A release before it is written: its manifest, that manifest's bytes, and its files.

    A file that the current release holds already is the path of that file, which was verified.
    """

    manifest: Manifest
    data: bytes
    contents: Mapping[str, bytes | Path]


def checked(candidate: Candidate) -> Candidate:
    """Fill in all parameters of the candidate; refuse what no reader would accept."""
    if not candidate.kinds:
        raise DataError("there is nothing to publish: the candidate has no strategy and no file")
    iso(candidate.as_of)
    for ref in candidate.fingerprint:
        if ref.last is not None and ref.last > candidate.as_of:
            raise DataError(
                f"the candidate has read {ref.path} up to {iso(ref.last)}, later than its as_of "
                f"{iso(candidate.as_of)}; read with as_of"
            )
    for file in candidate.files:
        if file.kind not in VALIDITY or file.path in (PARAMS, MANIFEST):
            raise DataError(f"a release cannot hold the file {file.path} of kind '{file.kind}'")
    strategies = tuple(
        entry.model_copy(update={"params": get_strategy(entry.strategy).resolve(entry.params)})
        for entry in sorted(candidate.strategies, key=lambda e: (e.strategy, e.venue, e.symbol))
    )
    return Candidate(
        as_of=candidate.as_of,
        fingerprint=candidate.fingerprint,
        flow_run=candidate.flow_run,
        git_commit=candidate.git_commit,
        strategies=strategies,
        files=candidate.files,
        left_out=candidate.left_out,
        valid_for=candidate.valid_for,
    )


def draft_of(candidate: Candidate, current: Release | None, now: datetime) -> ReleaseDraft:
    """Return the candidate as a release that carries over the other kinds of ``current``."""
    own = set(candidate.kinds)
    kept = [kind for kind in (current.kinds if current else ()) if kind not in own]
    kind_as_of = dict.fromkeys(own, candidate.as_of)
    valid_until = {
        kind: candidate.as_of + candidate.valid_for.get(kind, VALIDITY[kind]) for kind in own
    }
    strategies, left_out = candidate.strategies, candidate.left_out
    contents: dict[str, tuple[str, str, bytes | Path]] = {
        file.path: (file.kind, sha256_bytes(file.data), file.data) for file in candidate.files
    }
    if current is not None:
        for kind in kept:
            kind_as_of[kind] = current.manifest.kind_as_of[kind]  # type: ignore[index]
            valid_until[kind] = current.valid_until[kind]
        if "params" in kept:
            strategies = current.manifest.strategies
            left_out = current.manifest.left_out
        for file in current.files:
            if file.kind in kept and file.path != PARAMS:
                if file.path in contents:
                    raise DataError(
                        f"the file {file.path} belongs to another kind in {current.release_id}; "
                        "rename it"
                    )
                held = current.folder / file.path
                contents[file.path] = (file.kind, file.sha256, held)
    if strategies:
        document = params_document(strategies)
        contents[PARAMS] = ("params", sha256_bytes(document), document)
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "as_of": max(kind_as_of.values()),
        "created_at": max(kind_as_of.values()),
        "published_at": now,
        "kind_as_of": kind_as_of,
        "valid_until": valid_until,
        "flow_run": candidate.flow_run,
        "git_commit": candidate.git_commit,
        "version": version("nocturne"),
        "fingerprint": _readings(candidate, current, kept),
        "files": [
            ReleaseFile.model_validate({"path": path, "kind": kind, "sha256": sha256})
            for path, (kind, sha256, _) in sorted(contents.items())
        ],
        "strategies": strategies,
        "proven": is_proven(strategies),
        "left_out": left_out,
        "carried": _carried(current, kept),
        "replaced": current.release_id if current else None,
        "release_id": "",
        "short_id": "",
    }
    manifest = _named(Manifest.model_validate(fields))
    data = pretty(manifest.model_dump(mode="json"))
    return ReleaseDraft(manifest, data, {path: held for path, (_, _, held) in contents.items()})


def _named(manifest: Manifest) -> Manifest:
    short = short_id(manifest.model_dump(mode="json"))
    release_id = release_id_of(manifest.as_of, short)
    return manifest.model_copy(update={"short_id": short, "release_id": release_id})


def _readings(candidate: Candidate, current: Release | None, kept: list[str]) -> list[Reading]:
    found: dict[tuple[str, str], Reading] = {}
    readings = [Reading.of(ref, candidate.kinds) for ref in candidate.fingerprint]
    if current is not None:
        for reading in current.manifest.fingerprint:
            kinds = tuple(kind for kind in reading.kinds if kind in kept)
            if kinds:
                readings.append(reading.model_copy(update={"kinds": kinds}))
    for reading in readings:
        key = (reading.path, reading.sha256)
        if key in found:
            kinds = tuple(sorted({*found[key].kinds, *reading.kinds}))
            reading = reading.model_copy(update={"kinds": kinds})
        found[key] = reading
    return [found[key] for key in sorted(found)]


def _carried(current: Release | None, kept: list[str]) -> dict[str, Carried]:
    if current is None:
        return {}
    first_hand = Carried(release_id=current.release_id, flow_run=current.flow_run)
    known = {str(kind): carried for kind, carried in current.manifest.carried.items()}
    return {kind: known.get(kind, first_hand) for kind in kept}
