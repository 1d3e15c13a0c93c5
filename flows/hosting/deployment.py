"""Deploy what ``prefect.yaml`` declares to a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.hosting import own_server
from flows.hosting.declared import deployments
from flows.settings import PROJECT
from trading.errors import NocturneError


def declared() -> tuple[str, ...]:
    """Names of the deployments in ``prefect.yaml``, in its order."""
    return tuple(deployment["name"] for deployment in deployments())


def deploy(home: Path, api_url: str) -> tuple[str, ...]:
    """Create or update every declared deployment; their names. `NocturneError` with Prefect's
    words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        env=own_server.environment(home, api_url),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()[-600:]
        raise NocturneError(f"Prefect refused the deployments of prefect.yaml: {words}")
    return declared()
