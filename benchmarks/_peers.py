"""Peers in an interpreter of their own, independent of the project's lock file.

``NOCTURNE_PEERS`` names a Python with the packages of the extra ``bench``; the default is
``.venv-peers``, which ``make bench`` creates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trading.candles import CandleColumns

VARIABLE = "NOCTURNE_PEERS"
SCRIPTS = Path(__file__).parent / "peers"
MADE = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"
NAMES = ("open_time", "open", "high", "low", "close", "volume")


def peer_python() -> str:
    """Return the interpreter of the peers."""
    return os.environ.get(VARIABLE) or str(MADE if MADE.exists() else sys.executable)


def has_peer(package: str) -> bool:
    """Tell whether the peers' interpreter can import ``package``; print a line if not."""
    try:
        found = subprocess.run(
            [peer_python(), "-c", f"import {package}"], capture_output=True, check=False
        )
    except OSError as error:
        sys.exit(f"{VARIABLE}={peer_python()} cannot be run: {error.strerror}; name a Python there")
    if found.returncode == 0:
        return True
    print(f"{package:<34} not installed: scripts/setup_peers.sh installs it")
    return False


def run_peer(
    script: str, candles: CandleColumns, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what ``peers/<script>.py`` prints about ``candles``; print a line if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        columns = {name: getattr(candles, name) for name in NAMES}
        np.savez(Path(folder) / "candles.npz", **columns)
        (Path(folder) / "settings.json").write_text(json.dumps(settings))
        ran = subprocess.run(
            [peer_python(), str(SCRIPTS / f"{script}.py"), folder],
            capture_output=True,
            text=True,
            check=False,
        )
    if ran.returncode != 0:
        print(f"{script} failed: {ran.stderr.strip().splitlines()[-1]}")
        return None
    return dict(json.loads(ran.stdout.strip().splitlines()[-1]))
