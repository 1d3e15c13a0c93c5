"""A wheel in an environment that has never seen the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = (
    "cli", "config", "dashboard", "executor", "flows", "lake", "nocturne", "sandbox", "sql",
    "trading", "web",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "prefect.yaml"):
        shutil.copy(ROOT / name, source / name)
    ignored = shutil.ignore_patterns("__pycache__", ".env", "settings.toml", "research.toml")
    for name in PACKAGED:
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    shutil.copytree(ROOT / "data_lake" / "sample", source / "data_lake" / "sample")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    build += ["--no-index", "--disable-pip-version-check", "-w", str(folder), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel alone; the packages of others come by path."""
    folder = tmp_path_factory.mktemp("place")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "venv" / "bin" / "python")]
    install += ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "empty").mkdir()
    return folder


def run(place: Path, *words: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """Run the installed command in the empty folder.

    By PYTHONPATH the interpreter finds the installed packages of others, but runs none of their
    `.pth` files, so the checkout that is installed there as editable stays unknown.
    """
    others = sysconfig.get_paths()["purelib"]
    return subprocess.run(
        [str(place / "venv" / "bin" / "nocturne"), *words],
        cwd=place / "empty",
        env={**os.environ, "PYTHONPATH": others, "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_the_wheel_holds_every_file_that_the_code_reads(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        [
            "git",
            "-C",
            str(ROOT),
            "ls-files",
            "config",
            "sql",
            "web",
            "flows/report/languages",
            "data_lake/sample",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    templates = [p.relative_to(ROOT).as_posix() for p in ROOT.glob("*/**/templates/*.*")]
    own = [p for p in templates if not p.startswith((".", "tests", "build"))]
    assert {*tracked, *own} - held == set()


@pytest.mark.slow
def test_the_installed_command_is_that_of_the_wheel(place: Path) -> None:
    script = "import cli.main, trading; print(cli.main.__file__, trading.__file__)"
    done = subprocess.run(
        [str(place / "venv" / "bin" / "python"), "-c", script],
        cwd=place / "empty",
        env={**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ROOT) not in done.stdout
    assert str(place) in done.stdout


@pytest.mark.slow
def test_help_a_back_test_and_settings_work_in_an_empty_folder(place: Path) -> None:
    assert "backtest" in run(place, "--help").stdout
    sample = next((place / "venv").rglob("data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"))
    mine = place / "empty" / "mine.parquet"
    shutil.copy(sample, mine)
    tested = run(
        place, "backtest", "--strategy", "breakout", "--candles", mine.name,
        "--set", "filters=off", "--html", "page.html",
    )  # fmt: skip
    assert tested.returncode == 0, tested.stderr
    assert "total_return" in tested.stdout
    assert (place / "empty" / "page.html").stat().st_size > 100_000
    assert run(place, "backtest", "--preset", "nothing").returncode == 2
    assert run(place, "init", "own").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_demo_runs_from_the_wheel(place: Path) -> None:
    done = run(place, "demo", timeout=390)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "7 round trips" in done.stdout
    assert (place / "empty" / ".work" / "demo" / "lake" / "reports").is_dir()
