"""The release that is traded: its strategies and the verdicts of their gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lake.releases.reader import read_pointer, read_release
from trading.errors import ReleaseRefused


def release_part(published: Path) -> dict[str, Any]:
    """Return the current release for its page; ``fault`` says why there is none."""
    try:
        pointer = read_pointer(published)
        if pointer is None:
            return {"fault": "Nothing is published yet: run `nocturne flow nightly`."}
        manifest = read_release(published, pointer.release_id).manifest
    except ReleaseRefused as refusal:
        return {"fault": str(refusal)}
    return {
        "fault": "",
        "id": manifest.release_id,
        "proven": manifest.proven,
        "as_of": f"{manifest.as_of:%Y-%m-%d %H:%M} UTC",
        "until": {
            kind: f"{moment:%Y-%m-%d %H:%M} UTC" for kind, moment in manifest.valid_until.items()
        },
        "flow_run": manifest.flow_run.name,
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
