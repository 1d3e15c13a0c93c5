"""A process that imports a folder, to be killed by the crash tests: importing.py LAKE FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from lake_builders import AS_OF

from lake.importer import import_folder
from lake.store import Lake


def main() -> None:
    """Import, and say when it begins."""
    print("importing", flush=True)
    import_folder(Lake(sys.argv[1]), Path(sys.argv[2]), AS_OF)


if __name__ == "__main__":
    main()
