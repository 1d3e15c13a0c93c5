"""The read side of releases: it returns nothing that it has not verified.

``root`` is always the folder ``published`` of a lake. It holds ``releases/<release_id>/``
with ``manifest.json`` and the files it lists, and ``current``, which names one of them and the
manifest's SHA-256. A reader checks every hash, the schema, the parameters' bounds and the
validity before it returns anything; a failure raises `ReleaseRefused` with one sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from lake.files import sha256_bytes, sha256_file
from lake.partitions import PartitionRef, iso
from lake.releases.manifest import (
    FlowRun,
    LeftOut,
    Manifest,
    ReleaseFile,
    StrategyEntry,
    params_document,
    parse_manifest,
)
from trading.errors import ParameterError, ReleaseRefused
from trading.strategies.registry import get_strategy

Mode = Literal["replay", "paper", "testnet", "live"]
RELEASES, CURRENT, MANIFEST, PARAMS = "releases", "current", "manifest.json", "params.json"
_ID = re.compile(r"^\d{8}T\d{6}Z-[a-z2-7]{8}$")


@dataclass(frozen=True)
class Release:
    """A release with every part verified; ``folder`` holds its files.

    ``strategies`` and ``left_out`` are the manifest's, except that live mode leaves out unproven
    strategies that its settings do not allow.
    """

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    strategies: tuple[StrategyEntry, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def release_id(self) -> str:
        """Sortable by market time: ``20250620T000000Z-abcdefgh``."""
        return self.manifest.release_id

    @property
    def short_id(self) -> str:
        """The eight characters that are part of every client order id."""
        return self.manifest.short_id

    @property
    def as_of(self) -> datetime:
        """No row at or after this market time (UTC) was read to make it."""
        return self.manifest.as_of

    @property
    def created_at(self) -> datetime:
        """The same as ``as_of``: releases live in market time."""
        return self.manifest.created_at

    @property
    def proven(self) -> bool:
        """Whether everything in it passed the gates; otherwise it is for replay and paper."""
        return self.manifest.proven

    @property
    def flow_run(self) -> FlowRun:
        """The run that published it."""
        return self.manifest.flow_run

    @property
    def files(self) -> tuple[ReleaseFile, ...]:
        """Its files; paths are relative to ``folder``."""
        return self.manifest.files

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it holds: params, model, signals, universe, regime."""
        return tuple(sorted(self.manifest.kind_as_of))

    @property
    def valid_until(self) -> Mapping[str, datetime]:
        """End of validity of each kind, market time."""
        return {str(kind): moment for kind, moment in self.manifest.valid_until.items()}

    @property
    def fingerprint(self) -> tuple[PartitionRef, ...]:
        """Every partition that was read to make it."""
        return tuple(reading.ref for reading in self.manifest.fingerprint)

    def fingerprint_of(self, kind: str) -> tuple[PartitionRef, ...]:
        """Return the partitions that were read for one kind."""
        return tuple(r.ref for r in self.manifest.fingerprint if kind in r.kinds)

    def entry(self, strategy: str, symbol: str, venue: str | None = None) -> StrategyEntry | None:
        """Return its entry for one strategy on one symbol (at a venue, if named), if any."""
        for entry in self.strategies:
            if (entry.strategy, entry.symbol) == (strategy, symbol) and venue in (
                None,
                entry.venue,
            ):
                return entry
        return None

    def is_valid(self, kind: str, now: datetime) -> bool:
        """Tell whether it holds ``kind`` and that is still valid at ``now`` (market time)."""
        until = self.valid_until.get(kind)
        return until is not None and now < until

    def expired(self, now: datetime) -> tuple[str, ...]:
        """Return the kinds past their validity; what depends on them may only reduce."""
        return tuple(kind for kind in self.kinds if not self.is_valid(kind, now))


@dataclass(frozen=True)
class ReleaseSummary:
    """One line of the list; ``problem`` says why a release is refused, and is empty otherwise."""

    release_id: str
    current: bool
    as_of: datetime | None
    published_at: datetime | None
    proven: bool
    strategies: int
    problem: str


@dataclass(frozen=True)
class Pointer:
    """The file ``current``; releases in ``held`` were rolled back by hand and are not promoted."""

    release_id: str
    manifest_sha256: str
    held: tuple[str, ...] = ()


def read_current(
    root: Path, now: datetime, mode: Mode = "paper", allow_unproven: Container[str] = ()
) -> Release:
    """Read the current release, verified and valid at ``now`` (market time, UTC).

    Refuses a damaged or missing part, a release made after ``now``, one whose parameters have
    expired (or everything in it, if it has none), and in live mode one without a strategy that is
    proven or named in ``allow_unproven``. `Release.expired` names other expired kinds.
    """
    release = current_release(root)
    _check_time(release, now)
    return _for_live(release, allow_unproven) if mode == "live" else release


def current_release(root: Path) -> Release:
    """Read the release that ``current`` names, verified; it may have expired."""
    pointer = read_pointer(root)
    if pointer is None:
        raise ReleaseRefused(
            f"no release is published in {root}; run `nocturne demo` or `nocturne flow publish`"
        )
    return load_release(root, pointer.release_id, pointer.manifest_sha256)


def read_release(root: Path, release_id: str) -> Release:
    """Read a release by its id or the beginning of it, verified; it may have expired."""
    return load_release(root, find_release(root, release_id), None)


def find_release(root: Path, release_id: str) -> str:
    """Return the full id of a release, given its id, its short id or the beginning of either."""
    wanted = release_id.strip()
    ids = release_ids(root)
    found = [name for name in ids if wanted and (name.startswith(wanted) or _short(name, wanted))]
    if wanted in ids:
        return wanted
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(found[:3])
        raise ReleaseRefused(
            f"'{release_id}' matches {len(found)} releases ({some} …); give a longer id"
        )
    raise ReleaseRefused(
        f"there is no release '{release_id}' in {root}; see `nocturne release list`"
    )


def _short(name: str, wanted: str) -> bool:
    return name.rpartition("-")[2].startswith(wanted)


def release_ids(root: Path) -> list[str]:
    """Return the ids of the releases in the folder, oldest first."""
    folder = root / RELEASES
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _ID.match(path.name))


def list_releases(root: Path) -> tuple[ReleaseSummary, ...]:
    """Verify and list every release in the folder, oldest first."""
    try:
        pointer, damage = read_pointer(root), ""
    except ReleaseRefused as error:
        pointer, damage = None, str(error)
    summaries = []
    for release_id in release_ids(root):
        current = pointer is not None and pointer.release_id == release_id
        expected = pointer.manifest_sha256 if pointer is not None and current else None
        try:
            release = load_release(root, release_id, expected)
        except ReleaseRefused as error:
            problem = str(error)
            summaries.append(ReleaseSummary(release_id, current, None, None, False, 0, problem))
            continue
        made = release.manifest
        count = len(made.strategies)
        summaries.append(
            ReleaseSummary(
                release_id, current, made.as_of, made.published_at, made.proven, count, damage
            )
        )
    return tuple(summaries)


def read_pointer(root: Path) -> Pointer | None:
    """Read the file ``current``; None if it is missing, `ReleaseRefused` if it is torn."""
    try:
        data = (root / CURRENT).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReleaseRefused(f"{root / CURRENT} cannot be read: {error.strerror}") from error
    try:
        fields = json.loads(data)
        pointer = Pointer(
            str(fields["release_id"]),
            str(fields["manifest_sha256"]),
            tuple(str(held) for held in fields.get("held", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseRefused(
            f"{root / CURRENT} is torn or malformed; point it at a release with "
            "`nocturne release rollback ID`"
        ) from error
    if not _ID.match(pointer.release_id):
        raise ReleaseRefused(
            f"{root / CURRENT} names '{pointer.release_id}', which is not a release"
        )
    return pointer


def read_manifest(root: Path, release_id: str) -> Manifest:
    """Read what a release says about itself, without verifying its files: no one may trade it."""
    data = _read(root / RELEASES / release_id / MANIFEST, f"release {release_id}: manifest.json")
    return parse_manifest(data, release_id)


def load_release(root: Path, release_id: str, expected_sha256: str | None) -> Release:
    """Read and verify a release; ``expected_sha256`` is the manifest's hash in ``current``."""
    folder = root / RELEASES / release_id
    data = _read(folder / MANIFEST, f"release {release_id}: manifest.json")
    digest = sha256_bytes(data)
    if expected_sha256 is not None and digest != expected_sha256:
        raise ReleaseRefused(
            f"release {release_id}: manifest.json hashes to {digest[:12]}…, `current` says "
            f"{expected_sha256[:12]}…; it was changed after it was published"
        )
    manifest = parse_manifest(data, release_id)
    for file in manifest.files:
        _check_file(folder, file, release_id)
    _check_params(folder, manifest)
    for entry in manifest.strategies:
        _check_bounds(entry, release_id)
    return Release(folder, manifest, digest, manifest.strategies, manifest.left_out)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ReleaseRefused(f"{what} is missing; publish again or roll back") from error
    except OSError as error:
        raise ReleaseRefused(f"{what} cannot be read: {error.strerror}") from error


def _check_file(folder: Path, file: ReleaseFile, release_id: str) -> None:
    path = folder / file.path
    if not path.is_file():
        raise ReleaseRefused(
            f"release {release_id}: {file.path} is missing; publish again or roll back"
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ReleaseRefused(f"release {release_id}: {file.path} points outside of its folder")
    digest = sha256_file(path)
    if digest != file.sha256:
        raise ReleaseRefused(
            f"release {release_id}: {file.path} hashes to {digest[:12]}…, the manifest says "
            f"{file.sha256[:12]}…; it was changed after it was published"
        )


def _check_params(folder: Path, manifest: Manifest) -> None:
    if "params" not in manifest.kind_as_of:
        return
    document = _read(folder / PARAMS, f"release {manifest.release_id}: {PARAMS}")
    listed = any(file.path == PARAMS for file in manifest.files)
    if not listed or document != params_document(manifest.strategies):
        raise ReleaseRefused(
            f"release {manifest.release_id}: {PARAMS} and the manifest's strategies differ"
        )


def _check_bounds(entry: StrategyEntry, release_id: str) -> None:
    try:
        resolved = get_strategy(entry.strategy).resolve(entry.params)
    except ParameterError as error:
        raise ReleaseRefused(f"release {release_id}, {entry.symbol}: {error}") from error
    optional = get_strategy(entry.strategy).optional
    missing = sorted(set(resolved) - set(entry.params) - optional)
    if missing:
        raise ReleaseRefused(
            f"release {release_id}, {entry.symbol}: {entry.strategy} needs the parameter "
            f"'{missing[0]}', which the release does not have; publish again"
        )


def _check_time(release: Release, now: datetime) -> None:
    if release.created_at > now:
        raise ReleaseRefused(
            f"release {release.release_id} was made as of {iso(release.created_at)}, later "
            f"than the market's time {iso(now)}; it has seen what you are about to trade"
        )
    expired = release.expired(now)
    if "params" in expired or len(expired) == len(release.kinds):
        kind = "params" if "params" in expired else expired[0]
        raise ReleaseRefused(
            f"release {release.release_id} has expired: its {kind} held until "
            f"{iso(release.valid_until[kind])}, the market's time is {iso(now)}; publish a new one"
        )


def _for_live(release: Release, allow_unproven: Container[str]) -> Release:
    traded = tuple(
        entry for entry in release.strategies if entry.proven or entry.strategy in allow_unproven
    )
    if release.strategies and not traded:
        raise ReleaseRefused(
            f"release {release.release_id} is unproven: no strategy in it passed the gates; use it "
            "in replay or paper, or name its strategies in [live] allow_unproven"
        )
    unproven = tuple(
        LeftOut(symbol=entry.symbol, reason=f"{entry.strategy} is unproven, refused in live")
        for entry in release.strategies
        if entry not in traded
    )
    return replace(release, strategies=traded, left_out=release.left_out + unproven)
