"""Where the settings lie, and where their relative paths start."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""Where Nocturne itself lies: a checkout, or the folder into which a wheel was installed."""
FILE_VARIABLE = "NOCTURNE_RESEARCH_FILE"


def settings_file() -> Path:
    """Return the path of the TOML file, which need not exist."""
    return Path(os.environ.get(FILE_VARIABLE, home_folder() / "config" / "research.toml"))


def home_folder() -> Path:
    """Return the folder in which relative paths start.

    It is the working folder if that has settings of its own (`nocturne init`), else the checkout;
    where Nocturne was installed from a wheel, it is the working folder.
    """
    here = Path.cwd()
    own = (here / "config" / "research.toml").is_file()
    return here if own or not (PROJECT / "pyproject.toml").is_file() else PROJECT
