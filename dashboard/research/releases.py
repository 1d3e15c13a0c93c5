"""The release that is traded: its strategies and the verdicts of their gates.

What a release is checked with takes 20 MB: the dashboard has it read by a process of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dashboard.processes import answer
from dashboard.research.release_watch import report_file
from lake.releases.reader import read_manifest, read_pointer, read_release, release_ids
from trading.errors import ReleaseRefused

MOST_RELEASES = 30


def release_entries(published: Path, release_id: str) -> list[dict[str, Any]]:
    """Return each strategy of a release on a symbol.

    Raises:
        ReleaseRefused: it cannot be trusted, now; whoever asks again may learn otherwise.
    """
    return [
        {
            "strategy": one.strategy,
            "symbol": one.symbol,
            "venue": one.venue,
            "proven": one.proven,
        }
        for one in read_manifest(published, release_id).strategies
    ]


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
        "as_of": manifest.as_of.isoformat(),
        "until": {kind: moment.isoformat() for kind, moment in manifest.valid_until.items()},
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


def read(question: dict[str, Any]) -> Any:
    """Return the entries of the release that is named, or the part of the page."""
    published = Path(question["published"])
    if question["release"] is not None:
        return release_entries(published, question["release"])
    return release_part(published)


if __name__ == "__main__":
    answer(read)
