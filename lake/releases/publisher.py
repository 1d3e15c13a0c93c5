"""The write side of releases: safe with concurrent publishers, and when killed at any point.

A publisher takes a file lock that dies with its process, re-reads ``current`` inside it, replaces
only the kinds it brings and carries the others over, writes the whole release under a temporary
name, renames it, and finally replaces ``current`` if that has not changed meanwhile.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lake.files import exclusive, make_folder, sync_folder, write_bytes
from lake.partitions import iso
from lake.releases.candidate import Candidate, ReleaseDraft, checked, draft_of
from lake.releases.content_store import keep, link
from lake.releases.manifest import pretty
from lake.releases.reader import (
    CURRENT,
    MANIFEST,
    RELEASES,
    Pointer,
    Release,
    find_release,
    load_release,
    read_pointer,
)
from trading.errors import DataError, ReleaseRefused

_NEW = ".new-"
_HELD_MOST = 50

Gate = Callable[[Release | None], str | None]
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """The outcome for a candidate: its release, whether ``current`` now names it, and why."""

    release_id: str
    promoted: bool
    reason: str


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
    candidate, on_step = checked(candidate), on_step or _ignore
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
    draft = draft_of(candidate, current, now)
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


def _current(root: Path) -> tuple[Pointer | None, Release | None, str]:
    """Read the current release; a damaged one counts as none, and the third value says so."""
    try:
        pointer = read_pointer(root)
        if pointer is None:
            return None, None, ""
        return pointer, load_release(root, pointer.release_id, pointer.manifest_sha256), ""
    except ReleaseRefused as error:
        return None, None, f"replaces a release that was refused: {error}"


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
    if any(entry.evidence is not None and entry.evidence.demoted for entry in candidate.strategies):
        return None  # a proof that was taken back must not trade on in the release that had it
    had_proof = any(entry.proven for entry in current.strategies)
    if had_proof and current.is_valid("params", candidate.as_of):
        return f"kept {current.release_id}: it is proven and still valid, the candidate is unproven"
    return None


def _write_release(root: Path, draft: ReleaseDraft, on_step: OnStep) -> Release:
    """Write the release's folder whole and rename it; verify one that already exists."""
    releases = root / RELEASES
    release_id = draft.manifest.release_id
    final = releases / release_id
    if not final.exists():
        temporary = releases / f"{_NEW}{release_id}"
        make_folder(temporary)
        for path, content in draft.contents.items():
            on_step(f"writing {path}")
            link(keep(root, content) if isinstance(content, bytes) else content, temporary / path)
        on_step(f"writing {MANIFEST}")
        write_bytes(temporary / MANIFEST, draft.data)
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
