"""The serving process: lean, last in the queue, and with helpers that end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cli.dashboard.process import document_of, explainer, settings_of
from dashboard.processes import answer_of
from dashboard.research.release_watch import ReleaseWatch
from dashboard.settings import DashboardSettings
from lake.ledger_database import LedgerSource
from tests.executor.harness import ROOT, publish_release, utc
from trading.errors import DataError

HEAVY = (
    "numpy",
    "pyarrow",
    "pydantic_settings",
    "typer",
    "rich",
    "executor.settings",
    "lake.releases",
    "click",
    "watchfiles",
    "multiprocessing",
)
DEADLINE_S = 60.0


def test_what_serves_has_nothing_in_memory_that_serving_does_not_need() -> None:
    script = (
        "import json, sys, cli.dashboard.process as own; own.import_lean();"
        "import dashboard.server; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(HEAVY) & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize(
    "ledger", [None, LedgerSource("postgresql://u:secret@127.0.0.1:1/d", "main")]
)
def test_the_settings_survive_the_change_of_process(ledger: LedgerSource | None) -> None:
    given = DashboardSettings(
        Path("/s"), Path("/p"), "hash", "x.toml", port=1, hosts=frozenset({"a"}), ledger=ledger
    )
    assert settings_of(json.loads(document_of(given))) == given


def test_a_release_is_read_once_by_a_process_that_ends(tmp_path: Path) -> None:
    published = tmp_path / "published"
    release = publish_release(published, utc("2025-06-20T00:00"))
    watch = ReleaseWatch(published)
    entries = watch.entries(release, wait=True)
    assert {one["symbol"] for one in entries} == {"BTCUSDT", "ETHUSDT"}
    assert watch.entries(release) is watch.entries(release)
    assert watch.entries(None) == entries, "the current one"
    assert watch.entries("20250620T000000Z-aaaaaaaa") == [], "there is none"
    part = watch.part()
    assert (part["fault"], part["id"]) == ("", release)
    assert watch.part() is part
    (published / "current").write_text("torn")
    assert "torn" in watch.part()["fault"]
    watch.close()


def test_nothing_published_is_said(tmp_path: Path) -> None:
    watch = ReleaseWatch(tmp_path / "published")
    assert watch.entries(None) == []
    assert "Nothing is published yet" in watch.part()["fault"]
    watch.close()


def test_a_release_that_cannot_be_read_is_nothing_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "releases" / "r").mkdir(parents=True)
    asked: list[object] = []

    def fails(*given: object) -> None:
        asked.append(given)
        raise DataError("no")

    monkeypatch.setattr("dashboard.research.release_watch.answer_of", fails)
    watch = ReleaseWatch(tmp_path)
    for _ in range(3):
        assert watch.entries("r", wait=True) == []
    assert len(caplog.records) == len(asked), "it is logged when it is read, not when looked at"
    monkeypatch.setattr("dashboard.research.release_watch.AGAIN_S", 0.0)
    monkeypatch.setattr(watch, "_read_again_at", 0.0)
    end = time.monotonic() + DEADLINE_S
    while len(asked) < 2 and time.monotonic() < end:
        assert watch.entries("r") == []
    assert len(asked) >= 2
    watch.close()


def test_a_refused_release_is_read_again_once_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "published"
    release = publish_release(published, utc("2025-06-20T00:00"))
    manifest = published / "releases" / release / "manifest.json"
    whole = manifest.read_bytes()
    manifest.chmod(0o644)
    manifest.write_bytes(b"torn")
    watch = ReleaseWatch(published)
    end = time.monotonic() + DEADLINE_S
    reading = watch._begin(release)
    assert isinstance(reading.exception(DEADLINE_S), DataError)
    assert watch.entries(release) == []
    manifest.write_bytes(whole)
    monkeypatch.setattr("dashboard.research.release_watch.AGAIN_S", 0.0)
    monkeypatch.setattr(watch, "_read_again_at", 0.0)
    while not (found := watch.entries(release, wait=True)) and time.monotonic() < end:
        pass
    assert {one["symbol"] for one in found} == {"BTCUSDT", "ETHUSDT"}
    watch.close()


def test_the_page_with_the_controls_does_not_wait_for_a_slow_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "releases" / "r").mkdir(parents=True)
    read = threading.Event()

    def slow(*_: object) -> list[dict[str, str]]:
        read.wait(DEADLINE_S)
        return [{"strategy": "breakout"}]

    monkeypatch.setattr("dashboard.research.release_watch.answer_of", slow)
    monkeypatch.setattr("dashboard.research.release_watch.WITHIN_S", 0.01)
    watch = ReleaseWatch(tmp_path)
    assert watch.entries("r", wait=True) == []
    assert not read.is_set(), "it answered while the release was still being read"
    read.set()
    monkeypatch.setattr("dashboard.research.release_watch.WITHIN_S", DEADLINE_S)
    assert watch.entries("r", wait=True) == [{"strategy": "breakout"}], "the same reading"
    watch.close()


def test_a_helper_that_fails_or_refuses_says_so_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="no ledger at"):
        explainer(str(tmp_path / "none.sqlite"), None)("an-order")
    with pytest.raises(DataError, match="failed; `journalctl"):
        answer_of("dashboard.no_such_module", {})
    assert "No module named dashboard.no_such_module" in capfd.readouterr().err, "the journal's"


def test_a_module_of_the_current_folder_takes_no_helpers_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(ROOT), *filter(None, sys.path)])
    assert "Nothing is published" in ReleaseWatch(tmp_path).part()["fault"]
