"""The write side of releases: safe with concurrent publishers, and when killed at any point.

A publisher takes a file lock that dies with its process, re-reads ``current`` inside it, replaces
only the kinds it brings and carries the others over, writes the whole release under a temporary
name, renames it, and finally replaces ``current`` if that has not changed meanwhile.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lake.files import exclusive, make_folder, sha256_bytes, sync_folder, write_bytes
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
from lake.releases.reader import (
    CURRENT,
    MANIFEST,
    PARAMS,
    RELEASES,
    Pointer,
    Release,
    find_release,
    load_release,
    read_pointer,
)
from trading.errors import DataError, ReleaseRefused
from trading.strategies.registry import get_strategy

_NEW = ".new-"
_HELD_MOST = 50

Gate = Callable[[Release | None], str | None]
OnStep = Callable[[str], None]


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
class Published:
    """The outcome for a candidate: its release, whether ``current`` now names it, and why."""

    release_id: str
    promoted: bool
    reason: str


@dataclass(frozen=True)
class _Draft:
    manifest: Manifest
    data: bytes
    contents: Mapping[str, bytes]


class _MovedError(Exception):
    """``current`` changed under the lock, by a process that does not take it."""


def publish(
    root: Path,
    candidate: Candidate,
    now: datetime,
    gate: Gate | None = None,
    on_step: OnStep | None = None,
) -> Published:
    """Write a release and make it current, unless it is older or worse than the current one.

    ``now`` is wall time. ``gate`` gets the current release (inside the lock) and returns why the
    candidate must not replace it, or None. A release that is not promoted keeps its folder.
    Publishing equal content again changes nothing. ``on_step`` is called at every step (the crash
    tests kill there). Raises `ParameterError` or `DataError` for a candidate that no reader would
    accept.
    """
    candidate, on_step = _checked(candidate), on_step or _ignore
    with exclusive(root / ".lock", f"publishing to {root}"):
        on_step("locked")
        _remove_unfinished(root)
        for _ in range(5):
            try:
                return _publish_locked(root, candidate, now, gate, on_step)
            except _MovedError:
                on_step("moved")
    raise DataError(
        f"{root / CURRENT} was changed five times while publishing; "
        "find the process that writes it without taking the lock"
    )


def rollback(root: Path, release_id: str) -> Published:
    """Make an earlier release current; the one it replaces is not promoted again automatically."""
    with exclusive(root / ".lock", f"publishing to {root}"):
        full_id = find_release(root, release_id)
        release = load_release(root, full_id, None)
        try:
            pointer = read_pointer(root)
        except ReleaseRefused:
            pointer = None
        if pointer is not None and pointer.release_id == full_id:
            if pointer.manifest_sha256 == release.manifest_sha256:
                return Published(full_id, promoted=True, reason="it is already the current release")
            pointer = None
        held = list(pointer.held if pointer else ())
        if pointer is not None:
            held.append(pointer.release_id)
        held = [name for name in dict.fromkeys(held) if name != full_id][-_HELD_MOST:]
        _replace_current(root, Pointer(full_id, release.manifest_sha256, tuple(held)))
    return Published(full_id, promoted=True, reason="rolled back")


def _ignore(step: str) -> None:
    del step


def _publish_locked(
    root: Path, candidate: Candidate, now: datetime, gate: Gate | None, on_step: OnStep
) -> Published:
    seen = _current_bytes(root)
    pointer, current, refusal = _current(root)
    draft = _draft(candidate, current, now)
    release_id = draft.manifest.release_id
    if current is not None and current.release_id == release_id:
        return Published(release_id, promoted=True, reason="unchanged: it is the current release")
    release = _write_release(root, draft, on_step)
    keep = _reason_to_keep(candidate, release_id, pointer, current)
    if keep is None and gate is not None:
        keep = gate(current)
    if keep is not None:
        return Published(release_id, promoted=False, reason=keep)
    on_step("before current")
    if _current_bytes(root) != seen:
        raise _MovedError
    held = pointer.held if pointer else ()
    _replace_current(root, Pointer(release_id, release.manifest_sha256, held))
    on_step("current replaced")
    reason = f"replaces {current.release_id}" if current else "the first release"
    return Published(release_id, promoted=True, reason=refusal or reason)


def _checked(candidate: Candidate) -> Candidate:
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


def _current(root: Path) -> tuple[Pointer | None, Release | None, str]:
    """Read the current release; a damaged one counts as none, and the third value says so."""
    try:
        pointer = read_pointer(root)
        if pointer is None:
            return None, None, ""
        return pointer, load_release(root, pointer.release_id, pointer.manifest_sha256), ""
    except ReleaseRefused as error:
        return None, None, f"replaces a release that was refused: {error}"


def _draft(candidate: Candidate, current: Release | None, now: datetime) -> _Draft:
    own = set(candidate.kinds)
    kept = [kind for kind in (current.kinds if current else ()) if kind not in own]
    kind_as_of = dict.fromkeys(own, candidate.as_of)
    valid_until = {
        kind: candidate.as_of + candidate.valid_for.get(kind, VALIDITY[kind]) for kind in own
    }
    strategies, left_out = candidate.strategies, candidate.left_out
    contents = {file.path: (file.kind, file.data) for file in candidate.files}
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
                contents[file.path] = (file.kind, (current.folder / file.path).read_bytes())
    if strategies:
        contents[PARAMS] = ("params", params_document(strategies))
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "as_of": max(kind_as_of.values()),
        "created_at": max(kind_as_of.values()),
        "published_at": now,
        "kind_as_of": kind_as_of,
        "valid_until": valid_until,
        "flow_run": candidate.flow_run,
        "git_commit": candidate.git_commit,
        "fingerprint": _readings(candidate, current, kept),
        "files": [
            ReleaseFile.model_validate({"path": path, "kind": kind, "sha256": sha256_bytes(data)})
            for path, (kind, data) in sorted(contents.items())
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
    return _Draft(manifest, data, {path: content for path, (_, content) in contents.items()})


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


def _reason_to_keep(
    candidate: Candidate, release_id: str, pointer: Pointer | None, current: Release | None
) -> str | None:
    if pointer is not None and release_id in pointer.held:
        return f"kept {pointer.release_id}: {release_id} was rolled back by hand"
    if current is None:
        return None
    for kind in candidate.kinds:
        made = {str(k): moment for k, moment in current.manifest.kind_as_of.items()}.get(kind)
        if made is not None and made > candidate.as_of:
            return (
                f"kept {current.release_id}: its {kind} are of {iso(made)}, "
                f"newer than the candidate's {iso(candidate.as_of)}"
            )
    if not candidate.strategies or any(entry.proven for entry in candidate.strategies):
        return None
    had_proof = any(entry.proven for entry in current.strategies)
    if had_proof and current.is_valid("params", candidate.as_of):
        return f"kept {current.release_id}: it is proven and still valid, the candidate is unproven"
    return None


def _write_release(root: Path, draft: _Draft, on_step: OnStep) -> Release:
    """Write the release's folder whole and rename it; verify one that already exists."""
    releases = root / RELEASES
    release_id = draft.manifest.release_id
    final = releases / release_id
    if not final.exists():
        temporary = releases / f"{_NEW}{release_id}"
        make_folder(temporary)
        for path, data in {**draft.contents, MANIFEST: draft.data}.items():
            on_step(f"writing {path}")
            write_bytes(temporary / path, data)
        on_step("written")
        temporary.rename(final)
        sync_folder(releases)
        on_step("renamed")
    try:
        return load_release(root, release_id, None)
    except ReleaseRefused as error:
        raise ReleaseRefused(
            f"{error} (it was published before and is damaged; delete {final} and repeat)"
        ) from error


def _remove_unfinished(root: Path) -> None:
    """Remove unfinished folders: only the holder of the lock writes them, so the writer is dead."""
    for folder in (root / RELEASES).glob(f"{_NEW}*"):
        shutil.rmtree(folder)


def _current_bytes(root: Path) -> bytes | None:
    try:
        return (root / CURRENT).read_bytes()
    except FileNotFoundError:
        return None


def _replace_current(root: Path, pointer: Pointer) -> None:
    fields: dict[str, Any] = {
        "release_id": pointer.release_id,
        "manifest_sha256": pointer.manifest_sha256,
    }
    if pointer.held:
        fields["held"] = list(pointer.held)
    write_bytes(root / CURRENT, pretty(fields))
