"""Files of releases are on the disk once, and releases that nobody needs are removed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from lake.releases import Candidate, NewFile, prune, publish, read_current, read_release, rollback
from lake.releases.content_store import OBJECTS
from lake.releases.reader import release_ids
from tests.lake.builders import AS_OF, RUN, WALL, candidate, entry
from trading.errors import ReleaseRefused

DAY = timedelta(days=1)
WEIGHTS = b"weights" * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "published"


def model(day: int, data: bytes = WEIGHTS) -> Candidate:
    """Return a candidate that brings one model and nothing else."""
    file = NewFile("models/weights.txt", "model", data)
    return Candidate(AS_OF + day * DAY, (), RUN, files=(file,))


def days(root: Path, count: int) -> list[str]:
    """Publish parameters for so many days, a release each; return their ids."""
    return [
        publish(
            root, candidate(entry(0.4 + day / 100), as_of=AS_OF + day * DAY), WALL + day * DAY
        ).release_id
        for day in range(count)
    ]


def objects(root: Path) -> set[str]:
    return {path.name for path in (root / OBJECTS).glob("??/*")}


def listed(root: Path) -> set[str]:
    """Return the hashes that the manifests list."""
    return {
        file["sha256"]
        for path in root.glob("releases/*/manifest.json")
        for file in json.loads(path.read_text())["files"]
    }


def test_a_file_that_a_release_carries_over_is_not_copied(root: Path) -> None:
    first = publish(root, model(0), WALL).release_id
    publish(root, candidate(entry(0.5), as_of=AS_OF + DAY), WALL)
    release = read_current(root, AS_OF + DAY)
    carried = release.folder / "models" / "weights.txt"
    assert carried.read_bytes() == WEIGHTS
    assert carried.samefile(read_release(root, first).folder / "models" / "weights.txt")


def test_equal_content_of_two_releases_is_one_file(root: Path) -> None:
    ids = [publish(root, model(day), WALL).release_id for day in range(3)]
    files = [root / "releases" / name / "models" / "weights.txt" for name in ids]
    assert len(set(ids)) == 3
    assert all(file.samefile(files[0]) for file in files)
    assert objects(root) == listed(root)


def test_a_damaged_content_is_stored_again_and_the_damaged_release_is_refused(root: Path) -> None:
    first = publish(root, model(0), WALL).release_id
    (root / "releases" / first / "models" / "weights.txt").write_bytes(b"other")
    with pytest.raises(ReleaseRefused, match="changed after it was published"):
        read_release(root, first)
    publish(root, model(1), WALL)
    assert (read_current(root, AS_OF + DAY).folder / "models/weights.txt").read_bytes() == WEIGHTS


def test_releases_of_the_last_days_and_the_last_three_stay(root: Path) -> None:
    ids = days(root, 40)
    found = prune(root, WALL + 39 * DAY, ())
    assert list(found.removed) == ids[:10]
    assert release_ids(root) == ids[10:]
    much_later = prune(root, WALL + 400 * DAY, ())
    assert release_ids(root) == ids[-3:]
    assert much_later.kept[ids[-1]] == "it is the current release"
    assert much_later.kept[ids[-2]] == "it is one of the last"
    assert objects(root) == listed(root)
    assert read_current(root, AS_OF + 39 * DAY).release_id == ids[-1]


def test_a_release_that_a_ledger_names_stays(root: Path) -> None:
    ids = days(root, 6)
    found = prune(root, WALL + 400 * DAY, {ids[1]})
    assert release_ids(root) == [ids[1], *ids[-3:]]
    assert found.kept[ids[1]] == "a row of the ledger names it"
    assert read_release(root, ids[1]).release_id == ids[1]


def test_what_was_rolled_back_to_and_from_stays(root: Path) -> None:
    ids = days(root, 6)
    rollback(root, ids[0])
    prune(root, WALL + 400 * DAY, (), keep_last=1)
    assert release_ids(root) == [ids[0], ids[-1]]


def test_a_dry_run_says_the_same_and_removes_nothing(root: Path) -> None:
    ids = days(root, 6)
    tried = prune(root, WALL + 400 * DAY, (), dry_run=True)
    assert release_ids(root) == ids
    assert prune(root, WALL + 400 * DAY, ()) == tried
    assert tried.sentence.startswith("3 releases and 3 files, ")


def test_a_manifest_that_cannot_be_read_keeps_its_release_and_every_content(root: Path) -> None:
    ids = days(root, 6)
    before = objects(root)
    (root / "releases" / ids[0] / "manifest.json").write_text("{")
    found = prune(root, WALL + 400 * DAY, ())
    assert release_ids(root) == [ids[0], *ids[-3:]]
    assert found.kept[ids[0]] == "its manifest cannot be read"
    assert objects(root) == before


def test_a_removal_that_was_killed_is_finished_by_the_next(root: Path) -> None:
    ids = days(root, 5)
    (root / "releases" / ids[0]).rename(root / "releases" / f".old-{ids[0]}")
    prune(root, WALL + 400 * DAY, ())
    assert sorted(path.name for path in (root / "releases").iterdir()) == ids[-3:]
