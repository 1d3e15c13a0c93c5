"""Import a folder until the crash tests kill it: import_process.py LAKE FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from lake.ingest.importer import import_folder
from lake.store import Lake
from tests.lake.builders import AS_OF


def main() -> None:
    """Announce the import, then run it."""
    print("importing", flush=True)
    import_folder(Lake(sys.argv[1]), Path(sys.argv[2]), AS_OF)


if __name__ == "__main__":
    main()
