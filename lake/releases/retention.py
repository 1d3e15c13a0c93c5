"""Which releases are kept, and the removal of the others."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lake.files import exclusive
from lake.releases.content_store import drop_unused
from lake.releases.manifest import Manifest
from lake.releases.reader import RELEASES, read_manifest, read_pointer, release_ids
from trading.errors import ReleaseRefused

KEEP_DAYS = 30
KEEP_LAST = 3
_OLD = ".old-"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be: releases, objects of the content store, and bytes.

    ``kept`` says of every other release why it stays; ``bytes`` counts what the disk gains.
    """

    removed: tuple[str, ...]
    kept: dict[str, str]
    objects: int
    bytes: int

    @property
    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"{len(self.removed)} releases and {self.objects} files,"
            f" {self.bytes / 1e6:.1f} MB; {len(self.kept)} releases stay"
        )


def prune(
    root: Path,
    now: datetime,
    in_use: Collection[str],
    *,
    keep_days: int = KEEP_DAYS,
    keep_last: int = KEEP_LAST,
    dry_run: bool = False,
) -> Pruned:
    """Remove releases that nobody needs: older than ``keep_days`` at ``now`` (wall time, UTC).

    The current one, the last ``keep_last``, those that were rolled back from and those ``in_use``
    (release ids of a ledger) always stay, and so does one whose manifest cannot be read: it says
    nothing about its age. ``dry_run`` removes nothing.
    """
    with exclusive(root / ".lock", f"pruning {root}"):
        kept: dict[str, str] = {}
        manifests: dict[str, Manifest] = {}
        removed = []
        ids = release_ids(root)
        named = _named_by_pointer(root)
        for place, name in enumerate(ids):
            manifest = _manifest(root, name)
            if manifest is not None:
                manifests[name] = manifest
            last = place >= len(ids) - keep_last
            reason = named.get(name, "") or _reason(manifest, now, keep_days, last=last)
            reason = "a row of the ledger names it" if name in in_use else reason
            if reason:
                kept[name] = reason
            else:
                removed.append(name)
        if not dry_run:
            _remove(root, removed)
        used = {file.sha256 for name in kept if name in manifests for file in manifests[name].files}
        unreadable = len(manifests) < len(ids)
        # Without a manifest nobody knows which contents its release needs.
        count, size = (0, 0) if unreadable else drop_unused(root, used, dry_run=dry_run)
    return Pruned(tuple(removed), kept, count, size)


def _named_by_pointer(root: Path) -> dict[str, str]:
    try:
        pointer = read_pointer(root)
    except ReleaseRefused:
        return {name: "the pointer `current` is damaged" for name in release_ids(root)}
    if pointer is None:
        return {}
    held = dict.fromkeys(pointer.held, "it was rolled back from")
    return {**held, pointer.release_id: "it is the current release"}


def _manifest(root: Path, name: str) -> Manifest | None:
    try:
        return read_manifest(root, name)
    except ReleaseRefused:
        return None


def _reason(manifest: Manifest | None, now: datetime, keep_days: int, *, last: bool) -> str:
    """Return why a release stays; empty when it need not."""
    if manifest is None:
        return "its manifest cannot be read"
    if last:
        return "it is one of the last"
    if now - manifest.published_at < timedelta(days=keep_days):
        return f"it was published in the last {keep_days} days"
    return ""


def _remove(root: Path, names: Collection[str]) -> None:
    """Remove releases; one that a killed run had begun to remove is finished off."""
    releases = root / RELEASES
    for name in names:
        (releases / name).rename(releases / f"{_OLD}{name}")
    for folder in releases.glob(f"{_OLD}*"):
        shutil.rmtree(folder)
