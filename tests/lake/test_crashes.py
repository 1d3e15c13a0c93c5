"""Processes killed with SIGKILL while they write, and concurrent writers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from lake.ingest.importer import import_folder
from lake.releases import NewFile, list_releases, publish, read_current, read_release
from lake.releases.reader import read_manifest
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING
from tests.lake.builders import AS_OF, MAY_31_2358, SERIES, WALL, candidate, candles, entry

HERE = Path(__file__).parent
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
STEPS = [
    "locked",
    "writing model/weights.bin",
    "writing params.json",
    "writing manifest.json",
    "written",
    "renamed",
    "before current",
    "current replaced",
]


def start(script: str, *args: object) -> subprocess.Popen[str]:
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *(str(arg) for arg in args)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


def publisher(root: Path, k: float, hours: int = 0, step: int = -1) -> list[str]:
    process = start("publish_process.py", root, k, hours, step)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (0 if step < 0 else -signal.SIGKILL)
    return output.splitlines()


def unfinished(root: Path) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.name.startswith(".new-")]


@pytest.mark.slow
def test_after_a_kill_at_any_step_the_reader_sees_the_old_or_new_release(
    tmp_path: Path,
) -> None:
    finished = publisher(tmp_path / "whole", 0.6, hours=1)
    assert finished[:-1] == STEPS
    new_id = finished[-1].split()[1]
    for number, step in enumerate(STEPS):
        root = tmp_path / f"killed-{number}"
        old_id = publish(root, candidate(entry(0.5)), WALL).release_id
        assert publisher(root, 0.6, hours=1, step=number)[-1] == step
        expected = new_id if step == "current replaced" else old_id
        assert read_current(root, AS_OF + timedelta(hours=1)).release_id == expected
        # Running it again ends where the undisturbed run ended and leaves nothing behind.
        again = publish_like_the_process(root)
        assert again == new_id
        assert read_current(root, AS_OF + timedelta(hours=1)).release_id == new_id
        assert unfinished(root) == []


def publish_like_the_process(root: Path) -> str:
    model = NewFile("model/weights.bin", "model", str(0.6).encode() * 200_000)
    made = candidate(entry(0.6), as_of=AS_OF + timedelta(hours=1))
    return publish(root, type(made)(**{**vars(made), "files": (model,)}), WALL).release_id


def kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill the process after a moment; it may have ended before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.kill()
    process.wait(timeout=30)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_kill_inside_a_step_the_reader_never_sees_half_a_release(
    tmp_path: Path, seed: int
) -> None:
    root, chance = tmp_path / "published", random.Random(seed)
    seen = {publish(root, candidate(entry(0.5)), WALL).release_id}
    for hours in range(1, 4):
        process = start("publish_process.py", root, 0.6, hours, -1)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        kill_after(process, chance.uniform(0.0, 0.02))
        release = read_current(root, AS_OF + timedelta(hours=hours))
        seen.add(release.release_id)
        assert all(not item.problem for item in list_releases(root))
    last = publish(root, candidate(entry(0.7), as_of=AS_OF + timedelta(hours=9)), WALL)
    assert last.promoted
    assert unfinished(root) == []


def test_concurrent_publishers_all_finish_and_one_whole_release_is_current(
    tmp_path: Path,
) -> None:
    root = tmp_path / "published"
    processes = [start("publish_process.py", root, k, 0, -1) for k in (0.4, 0.5, 0.6, 0.7)]
    outputs = [process.communicate(timeout=90)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    ids = {output[-1].split()[1] for output in outputs}
    assert all(output[-1].endswith("True") for output in outputs)
    releases = list_releases(root)
    assert {item.release_id for item in releases} == ids
    assert [item.problem for item in releases] == [""] * 4
    assert read_current(root, AS_OF).release_id in ids
    # Each release replaced the one before it: a chain without forks.
    chain = []
    step: str | None = read_current(root, AS_OF).release_id
    while step is not None:
        chain.append(step)
        step = read_release(root, step).manifest.replaced
    assert sorted(chain) == sorted(ids)


@pytest.mark.parametrize(
    "rounds", [5, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_publishers_of_four_kinds_side_by_side_lose_none(tmp_path: Path, rounds: int) -> None:
    root, kinds = tmp_path / "published", ("params", "model", "signals", "universe")
    processes = [start("publish_rounds.py", root, kind, rounds) for kind in kinds]
    for process in processes:
        process.communicate(timeout=1100)
    assert [process.returncode for process in processes] == [0] * 4
    last = AS_OF + timedelta(minutes=rounds - 1)
    current = read_current(root, last)
    assert set(current.kinds) == set(kinds)
    assert {str(kind): made for kind, made in current.manifest.kind_as_of.items()} == {
        kind: last for kind in kinds
    }
    for kind in kinds[1:]:
        content = (current.folder / f"{kind}.bin").read_bytes()
        assert content == f"{kind} {rounds - 1}".encode() * 500
    assert current.strategies[0].params["k"] == 0.3 + (rounds - 1) / 1000
    # From release to release no kind is lost, and none goes back in time.
    later = current.manifest.kind_as_of
    step, count = current.manifest.replaced, 1
    while step is not None:
        manifest = read_manifest(root, step)
        assert set(manifest.kind_as_of) <= set(later)
        assert all(later[kind] >= made for kind, made in manifest.kind_as_of.items())
        later, step, count = manifest.kind_as_of, manifest.replaced, count + 1
    assert count == len(kinds) * rounds


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_writer_leaves_a_whole_partition(tmp_path: Path, seed: int) -> None:
    chance, lake = random.Random(seed), Lake(tmp_path)
    for _ in range(3):
        process = start("write_process.py", tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        kill_after(process, chance.uniform(0.0, 0.05))
        closes = lake.read(RAW_CANDLES, ["close"])["close"].to_pylist()
        assert len(closes) == 2
        assert closes[0] == closes[1]
    lake.write(RAW_CANDLES, candles(MAY_31_2358, [5.0, 6.0]), **SERIES)
    folder = lake.path(RAW_CANDLES, **SERIES).parent
    assert [path.name for path in folder.iterdir()] == ["part.parquet"]


def test_with_two_concurrent_writers_a_reader_always_finds_a_whole_file(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    processes = [start("write_process.py", tmp_path) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
    for _ in range(50):
        closes = lake.read(RAW_CANDLES, ["close"])["close"].to_pylist()
        assert closes[0] == closes[1]
    assert [process.poll() for process in processes] == [None, None]
    for process in processes:
        kill_after(process, 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_import_ends_in_the_same_state_when_run_again(tmp_path: Path, seed: int) -> None:
    sample = HERE.parents[1] / "data_lake" / "sample"
    whole, killed = Lake(tmp_path / "whole"), Lake(tmp_path / "killed")
    import_folder(whole, sample, AS_OF)
    process = start("import_process.py", killed.root, sample)
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    kill_after(process, random.Random(seed).uniform(0.05, 0.5))
    import_folder(killed, sample, AS_OF)
    for table in (RAW_CANDLES, RAW_FUNDING):
        assert killed.fingerprint(table) == whole.fingerprint(table)
    files = [sorted(p.relative_to(x.root) for p in x.root.rglob("*")) for x in (whole, killed)]
    assert files[0] == files[1]
