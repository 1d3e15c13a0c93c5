"""Environments of strangers: built once from the package index, kept for the next run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Where the environments are kept; a test builds what it does not find there.
FOLDER = Path(os.environ.get("NOCTURNE_STRANGERS", "~/.cache/nocturne/strangers")).expanduser()
BUILD_S = 1_800


def python_of(name: str, *requirements: str, version: str = "", **build: str) -> Path:
    """Return the Python of an environment that has ``requirements``; skip when it cannot be built.

    ``version`` names another Python than ours, such as 3.12; ``build`` is set in the environment of
    the installation. uv installs where our own environment has it: it finds sets of versions that
    pip does not find in minutes.
    """
    home = FOLDER / name
    python, ready = home / "bin" / "python", home / "ready"
    wanted = "\n".join(requirements)
    if ready.is_file() and ready.read_text() == wanted:
        return python
    base = _interpreter(version) if version else sys.executable
    if not base:
        pytest.skip(f"{name} needs Python {version}")
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python"] if uv.is_file() else []
    commands = [
        [base, "-m", "venv", "--clear", str(home)],
        [*pip, str(python), *([] if pip else ["-m", "pip", "install"]), "-q", *requirements],
    ]
    for command in commands:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_S, check=False,
            env={**os.environ, **build},
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"{name} cannot be installed here: {done.stderr.strip()[-300:]}")
    ready.write_text(wanted)
    return python


def _interpreter(version: str) -> str:
    """Return a Python of this version that runs; empty without one.

    A shim on the path may name a Python that pyenv has installed but not switched on.
    """
    name = f"python{version}"
    installed = Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/{name}")
    for path in (shutil.which(name), *map(str, installed)):
        if path and not subprocess.run([path, "-V"], capture_output=True, check=False).returncode:
            return path
    return ""


def source_of(name: str, requirement: str) -> Path:
    """Return the unpacked source distribution of ``requirement``; skip when it is not there."""
    home = FOLDER / f"{name}-source"
    if not home.is_dir():
        work = FOLDER / f"{name}-download"
        command = [
            sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation",
            "--no-binary", ":all:", requirement, "-d", str(work),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
        archives = list(work.glob("*.tar.gz"))
        if done.returncode or not archives:
            pytest.skip(f"{requirement} cannot be downloaded here: {done.stderr.strip()[-300:]}")
        shutil.unpack_archive(archives[0], home)
    return next(path for path in home.iterdir() if path.is_dir())
