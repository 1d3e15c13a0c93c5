"""The release that is traded: its strategies and the verdicts of their gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lake.releases.reader import read_manifest, read_pointer, read_release, release_ids
from trading.errors import ReleaseRefused

MOST_RELEASES = 30


class ReleaseEntries:
    """Each strategy of a release on a symbol; a release never changes, so it is read once."""

    def __init__(self, published: Path) -> None:
        self._published = published
        self._known: tuple[str, list[dict[str, Any]]] = ("", [])

    def of(self, release_id: str | None) -> list[dict[str, Any]]:
        """Return what a release trades, or the current one if none is named."""
        try:
            if release_id is None:
                pointer = read_pointer(self._published)
                release_id = pointer.release_id if pointer is not None else ""
            if release_id and release_id != self._known[0]:
                manifest = read_manifest(self._published, release_id)
                self._known = (
                    release_id,
                    [
                        {
                            "strategy": one.strategy,
                            "symbol": one.symbol,
                            "venue": one.venue,
                            "proven": one.proven,
                        }
                        for one in manifest.strategies
                    ],
                )
        except ReleaseRefused:
            return []
        return self._known[1] if release_id else []


def release_part(published: Path) -> dict[str, Any]:
    """Return the current release for its page; ``fault`` says why there is none."""
    try:
        pointer = read_pointer(published)
        if pointer is None:
            fault = "Nothing is published yet: run `nocturne flow nightly`."
            return {"fault": fault, "history": _history(published)}
        manifest = read_release(published, pointer.release_id).manifest
    except ReleaseRefused as refusal:
        return {"fault": str(refusal), "history": _history(published)}
    return {
        "fault": "",
        "id": manifest.release_id,
        "proven": manifest.proven,
        "as_of": f"{manifest.as_of:%Y-%m-%d %H:%M} UTC",
        "until": {
            kind: f"{moment:%Y-%m-%d %H:%M} UTC" for kind, moment in manifest.valid_until.items()
        },
        "flow_run": manifest.flow_run.name,
        "run_id": manifest.flow_run.id,
        "commit": manifest.git_commit[:12],
        "replaced": manifest.replaced or "",
        "partitions": len(manifest.fingerprint),
        "manifest_sha256": pointer.manifest_sha256[:16],
        "report": report_file(published, manifest.release_id).is_file(),
        "history": _history(published),
        "left_out": [(one.symbol, one.reason) for one in manifest.left_out],
        "strategies": [
            {
                "strategy": entry.strategy,
                "symbol": entry.symbol,
                "proven": entry.proven,
                "passed": sum(one.passed for one in entry.verdicts),
                "gates": len(entry.verdicts),
                "failed": [one.name.replace("_", " ") for one in entry.verdicts if not one.passed],
            }
            for entry in manifest.strategies
        ],
    }


def find_report(published: Path, release_id: str) -> Path | None:
    """Return the report of a release that is published; None if there is none."""
    if release_id not in release_ids(published):
        return None  # whatever was typed, it names no other file
    file = report_file(published, release_id)
    return file if file.is_file() else None


def report_file(published: Path, release_id: str) -> Path:
    """Return where the report of a release lies, whether it is there or not."""
    return published.parent / "reports" / f"{release_id}.html"


def _history(published: Path) -> list[dict[str, Any]]:
    """Return the newest releases, the newest first; those that cannot be read are left out."""
    found = []
    for release_id in reversed(release_ids(published)[-MOST_RELEASES:]):
        try:
            manifest = read_manifest(published, release_id)
        except ReleaseRefused:
            continue
        found.append(
            {
                "id": release_id,
                "proven": manifest.proven,
                "strategies": len(manifest.strategies),
                "flow_run": manifest.flow_run.name,
                "run_id": manifest.flow_run.id,
                "report": report_file(published, release_id).is_file(),
            }
        )
    return found
