"""The flows that ``prefect.yaml`` declares, by the names of the command line."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import yaml

from flows.settings import PROJECT

_NEAR = PROJECT / "prefect.yaml"
FILE = _NEAR if _NEAR.is_file() else PROJECT / "config" / "prefect.yaml"
"""In a wheel it lies among the settings."""


def deployments() -> list[dict[str, Any]]:
    """Return the deployments of ``prefect.yaml``, in its order."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content["deployments"]
    return found


def declared_flows() -> dict[str, str]:
    """Return module and function of each flow by name: ``{"scan": "flows.scan:scan"}``.

    The name is the deployment's, with ``_`` for ``-``: ``retune-k`` is ``retune_k``.
    """
    return {entry["name"].replace("-", "_"): _reference(entry) for entry in deployments()}


def _reference(deployment: dict[str, Any]) -> str:
    file, _, function = deployment["entrypoint"].rpartition(":")
    return f"{'.'.join(PurePosixPath(file).with_suffix('').parts)}:{function}"
