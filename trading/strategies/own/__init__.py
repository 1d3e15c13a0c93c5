"""The user's strategies: the modules of the folder that `NOCTURNE_STRATEGIES` names.

Without the variable it is the folder ``strategies`` of the working directory, if there is one. A
module ``NAME.py`` holds the strategy ``NAME``; names that begin with ``_`` or ``test_`` are left
alone. As modules of this package they are found by other processes too.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NOCTURNE_STRATEGIES"
DEFAULT = "strategies"


def folder() -> Path:
    """Return the folder of the user's strategies, whether or not it exists."""
    return Path(os.environ.get(VARIABLE) or DEFAULT).absolute()


def files() -> dict[str, Path]:
    """Return the file of each of the user's strategies by name."""
    found = sorted(folder().glob("[!_]*.py"))
    return {path.stem: path for path in found if not path.stem.startswith("test_")}


__path__ = [*__path__, str(folder())]
