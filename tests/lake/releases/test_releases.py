from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from lake.files import sha256_bytes
from lake.releases import (
    Candidate,
    LeftOut,
    NewFile,
    Release,
    diff_releases,
    list_releases,
    publish,
    read_current,
    read_release,
    rollback,
)
from lake.releases.manifest import pretty, release_id_of, short_id
from tests.lake.builders import AS_OF, REF, RUN, WALL, candidate, entry
from trading.errors import DataError, ParameterError, ReleaseRefused
from trading.research.evidence.states import HypothesisEvidence
from trading.strategies.registry import get_strategy

HOUR = timedelta(hours=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "published"


def signals(as_of: datetime = AS_OF, data: bytes = b"signals") -> Candidate:
    return Candidate(
        as_of=as_of,
        fingerprint=(),
        flow_run=RUN.model_copy(update={"name": "signals"}),
        files=(NewFile("signals.parquet", "signals", data),),
    )


def test_a_published_release_reads_back_with_all_parameters(root: Path) -> None:
    made = publish(root, candidate(entry(0.55)), WALL)
    release = read_current(root, AS_OF + HOUR)
    assert (made.promoted, made.reason) == (True, "the first release")
    assert release.release_id == made.release_id == f"20250620T000000Z-{release.short_id}"
    assert release.entry("breakout", "BTCUSDT") is not None
    assert release.strategies[0].params["k"] == 0.55
    assert release.strategies[0].params["stop_loss"] == 0.02
    assert release.fingerprint == (REF,)
    assert release.manifest.version == version("nocturne")
    assert release.valid_until == {"params": AS_OF + timedelta(hours=36)}
    assert not release.proven
    assert (release.folder / "params.json").is_file()


def test_equal_content_is_the_same_release_whichever_run_publishes_it(root: Path) -> None:
    first = publish(root, candidate(), WALL)
    files = {p: p.stat().st_mtime_ns for p in sorted(root.rglob("*")) if p.is_file()}
    again = replace(candidate(), flow_run=RUN.model_copy(update={"id": "run-2"}))
    second = publish(root, again, WALL + HOUR)
    assert second.release_id == first.release_id
    assert second.reason == "unchanged: it is the current release"
    assert {p: p.stat().st_mtime_ns for p in sorted(root.rglob("*")) if p.is_file()} == files


def test_different_data_or_parameters_make_a_different_release(root: Path) -> None:
    ids = {
        publish(root, candidate(entry(0.5)), WALL).release_id,
        publish(root, candidate(entry(0.55)), WALL).release_id,
        publish(root, replace(candidate(), fingerprint=()), WALL).release_id,
        publish(root, candidate(as_of=AS_OF + HOUR), WALL).release_id,
    }
    assert len(ids) == 4


def test_a_flow_replaces_its_own_kind_and_carries_the_others_over(root: Path) -> None:
    first = publish(root, candidate(), WALL)
    later = AS_OF + timedelta(minutes=15)
    publish(root, signals(later), WALL)
    release = read_current(root, later)
    assert release.kinds == ("params", "signals")
    assert release.strategies[0].symbol == "BTCUSDT"
    assert release.manifest.carried["params"].release_id == first.release_id
    assert release.fingerprint_of("params") == (REF,)
    assert release.fingerprint_of("signals") == ()
    # A nightly run that started earlier and ended later may still replace the parameters.
    made = publish(root, candidate(entry(0.6)), WALL)
    assert made.promoted
    release = read_current(root, later)
    assert release.strategies[0].params["k"] == 0.6
    assert (release.folder / "signals.parquet").read_bytes() == b"signals"


def test_each_kind_expires_separately(root: Path) -> None:
    publish(root, candidate(), WALL)
    publish(root, signals(), WALL)
    release = read_current(root, AS_OF + HOUR)
    assert release.expired(AS_OF + HOUR) == ("signals",)
    assert release.is_valid("params", AS_OF + 35 * HOUR)
    with pytest.raises(ReleaseRefused, match="has expired: its params held until 2025-06-21T12:00"):
        read_current(root, AS_OF + 36 * HOUR)
    assert read_release(root, release.release_id).release_id == release.release_id


def test_a_release_newer_than_the_market_is_refused(root: Path) -> None:
    publish(root, candidate(), WALL)
    with pytest.raises(ReleaseRefused, match="later than the market's time 2025-06-19T23:59:59Z"):
        read_current(root, AS_OF - timedelta(seconds=1))


def test_an_unproven_release_never_trades_live(root: Path) -> None:
    publish(root, candidate(), WALL)
    for mode in ("replay", "paper", "testnet"):
        assert read_current(root, AS_OF, mode).strategies  # type: ignore[arg-type]
    with pytest.raises(ReleaseRefused, match=r"is unproven: no strategy in it passed the gates"):
        read_current(root, AS_OF, "live")


def test_live_gets_the_proven_strategies_and_lists_the_others_as_left_out(root: Path) -> None:
    publish(root, candidate(entry(proven=True), entry(symbol="ETHUSDT")), WALL)
    assert not read_current(root, AS_OF).proven
    live = read_current(root, AS_OF, "live")
    assert [e.symbol for e in live.strategies] == ["BTCUSDT"]
    assert live.left_out == (
        LeftOut(symbol="ETHUSDT", reason="breakout is unproven, refused in live"),
    )


def test_a_demotion_replaces_a_proven_release_at_once(root: Path) -> None:
    publish(root, candidate(entry(proven=True)), WALL)
    known = HypothesisEvidence("breakout-1", "unproven", "the edge has decayed", demoted=True)
    demoted = entry().model_copy(update={"evidence": known})
    assert publish(root, candidate(demoted, as_of=AS_OF + HOUR), WALL).promoted
    (found,) = read_current(root, AS_OF + HOUR).strategies
    assert (found.state, found.evidence) == ("unproven", known)
    with pytest.raises(ReleaseRefused, match="is unproven"):
        read_current(root, AS_OF + HOUR, "live")


def test_a_hypothesis_that_is_not_proven_cannot_mark_an_entry_proven(root: Path) -> None:
    refused = HypothesisEvidence("breakout-1", "unproven", "p is 0.3")
    wrong = entry(proven=True).model_copy(update={"evidence": refused})
    with pytest.raises(ReleaseRefused, match="its hypothesis is not"):
        publish(root, candidate(wrong), WALL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (candidate(as_of=AS_OF - HOUR), "newer than the candidate's 2025-06-19T23:00:00Z"),
        (candidate(entry(0.6)), "it is proven and still valid, the candidate is unproven"),
    ],
    ids=["older", "unproven"],
)
def test_a_worse_candidate_is_written_but_not_promoted(
    root: Path, change: Candidate, words: str
) -> None:
    good = publish(root, candidate(entry(proven=True)), WALL)
    made = publish(root, change, WALL)
    assert not made.promoted
    assert words in made.reason
    assert read_current(root, AS_OF).release_id == good.release_id
    assert read_release(root, made.release_id).release_id == made.release_id


def test_an_unproven_candidate_replaces_an_expired_proven_release(root: Path) -> None:
    publish(root, candidate(entry(proven=True)), WALL)
    made = publish(root, candidate(as_of=AS_OF + 36 * HOUR), WALL)
    assert made.promoted


def test_the_gate_may_keep_the_current_release(root: Path) -> None:
    first = publish(root, candidate(), WALL)

    def gate(current: Release | None) -> str | None:
        return f"worse than {current.release_id}" if current else None

    made = publish(root, candidate(entry(0.7)), WALL, gate)
    assert (made.promoted, made.reason) == (False, f"worse than {first.release_id}")


def test_a_rollback_is_not_undone_by_the_same_candidate(root: Path) -> None:
    first = publish(root, candidate(entry(0.5)), WALL)
    second = publish(root, candidate(entry(0.6)), WALL)
    assert rollback(root, first.release_id).release_id == first.release_id
    assert read_current(root, AS_OF).release_id == first.release_id
    again = publish(root, candidate(entry(0.6)), WALL)
    assert (again.release_id, again.promoted) == (second.release_id, False)
    assert "was rolled back by hand" in again.reason
    assert publish(root, candidate(entry(0.7)), WALL).promoted
    assert rollback(root, second.release_id).reason == "rolled back"
    assert read_current(root, AS_OF).release_id == second.release_id


def test_a_release_is_found_by_its_short_id_or_a_prefix(root: Path) -> None:
    made = publish(root, candidate(), WALL)
    short = made.release_id.rpartition("-")[2]
    assert read_release(root, short).release_id == made.release_id
    assert read_release(root, made.release_id[:12]).release_id == made.release_id
    publish(root, candidate(entry(0.6)), WALL)
    with pytest.raises(ReleaseRefused, match="matches 2 releases"):
        read_release(root, "20250620")
    with pytest.raises(ReleaseRefused, match=r"there is no release '\.\./x'"):
        read_release(root, "../x")


def test_the_diff_names_what_changed(root: Path) -> None:
    one = publish(root, candidate(entry(0.5), entry(symbol="ETHUSDT")), WALL).release_id
    two = publish(root, replace(candidate(entry(0.6)), fingerprint=()), WALL).release_id
    diff = diff_releases(read_release(root, one), read_release(root, two))
    assert diff.changes == (
        "breakout BTCUSDT k: 0.5 → 0.6",
        "strategy breakout ETHUSDT: removed",
        f"partition {REF.path}: 2 rows abababababab → removed",
    )


def test_the_list_marks_the_current_release_and_reports_a_damaged_one(root: Path) -> None:
    first = publish(root, candidate(entry(0.5)), WALL).release_id
    second = publish(root, candidate(as_of=AS_OF + HOUR), WALL).release_id
    (root / "releases" / first / "params.json").unlink()
    damaged, good = list_releases(root)
    assert (damaged.release_id, damaged.current) == (first, False)
    assert "params.json is missing" in damaged.problem
    assert (good.release_id, good.current, good.problem) == (second, True, "")


def test_a_candidate_that_no_reader_would_accept_is_refused(root: Path) -> None:
    with pytest.raises(ParameterError, match="k"):
        publish(root, candidate(entry(99.0)), WALL)
    with pytest.raises(DataError, match="nothing to publish"):
        publish(root, Candidate(AS_OF, (), RUN), WALL)
    seen_too_much = replace(REF, last=AS_OF + HOUR)
    with pytest.raises(DataError, match="later than its as_of"):
        publish(root, replace(candidate(), fingerprint=(seen_too_much,)), WALL)
    assert not (root / "current").exists()


def test_an_infinite_measure_becomes_null_and_an_infinite_parameter_is_refused(root: Path) -> None:
    endless = entry().model_copy(update={"in_sample": {}})
    endless = type(endless)(
        **{**endless.model_dump(), "in_sample": {"profit_factor": float("inf")}}
    )
    publish(root, candidate(endless), WALL)
    assert read_current(root, AS_OF).strategies[0].in_sample == {"profit_factor": None}
    with pytest.raises(ValueError, match="finite number"):
        entry(float("nan"))


# What the reader refuses.


def _manifest(root: Path) -> Path:
    return next((root / "releases").iterdir()) / "manifest.json"


def _rewrite(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a release and repair every hash, as a forger would."""
    path = _manifest(root)
    fields = json.loads(path.read_text())
    change(fields)
    params = path.parent / "params.json"
    if fields.get("strategies"):
        rows = [
            {name: row[name] for name in ("strategy", "venue", "symbol", "params", "proven")}
            for row in fields["strategies"]
        ]
        data = json.dumps({"strategies": rows}, sort_keys=True, indent=1, ensure_ascii=False)
        params.write_text(data + "\n")
        fields["files"][0]["sha256"] = sha256_bytes(params.read_bytes())
    try:
        fields["short_id"] = short_id(fields)
    except ValueError:
        fields["short_id"] = "aaaaaaaa"
    fields["release_id"] = release_id_of(AS_OF, fields["short_id"])
    data_bytes = json.dumps(fields, sort_keys=True, indent=1).encode()
    path.write_bytes(data_bytes)
    path.parent.rename(path.parent.parent / fields["release_id"])
    pointer = {
        "release_id": fields["release_id"],
        "manifest_sha256": sha256_bytes(data_bytes),
    }
    (root / "current").write_bytes(pretty(pointer))


def _set(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        place: Any = fields
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("schema_version", value=2), "schema version 2, this Nocturne reads 1"),
        (_set("strategies", 0, "params", "k", value=99.0), r"k.*99"),
        (_set("strategies", 0, "params", "k", value=float("nan")), r"strategies\.0\.params"),
        (_set("strategies", 0, "params", "magic", value=1.0), "magic"),
        (_set("strategies", 0, "params", value={"k": 0.5}), "needs the parameter"),
        (_set("strategies", 0, "strategy", value="astrology"), "'astrology' is not known"),
        (_set("strategies", 0, "proven", value=True), "'proven' contradicts"),
        (_set("proven", value=True), "'proven' contradicts its strategies"),
        (_set("surprise", value=1), "surprise: Extra inputs are not permitted"),
        (_set("files", 0, "path", value="../../secret"), r"files\.0\.path"),
        (_set("fingerprint", 0, "last", value="2025-06-20T00:01:00Z"), "later than its as_of"),
        (_set("valid_until", value={}), "its kinds and their validity do not match"),
        (_set("kind_as_of", "params", value="2025-06-19T00:00:00Z"), "not that of its newest kind"),
        (_set("created_at", value="2025-06-20"), "created_at"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_manifest_that_breaks_a_rule_is_refused_even_if_every_hash_matches(
    root: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    publish(root, candidate(), WALL)
    read_current(root, AS_OF)
    _rewrite(root, change)
    with pytest.raises(ReleaseRefused, match=words) as caught:
        read_current(root, AS_OF)
    assert "\n" not in str(caught.value)


def test_a_rewritten_release_without_a_change_is_accepted(root: Path) -> None:
    publish(root, candidate(), WALL)
    _rewrite(root, lambda _: None)
    assert read_current(root, AS_OF).strategies


def test_a_release_without_a_later_optional_parameter_is_accepted(root: Path) -> None:
    publish(root, candidate(), WALL)
    entry = read_current(root, AS_OF).strategies[0]
    optional = get_strategy(entry.strategy).optional
    assert "half_close" in optional
    older = {name: value for name, value in entry.params.items() if name not in optional}
    _rewrite(root, _set("strategies", 0, "params", value=older))
    read = read_current(root, AS_OF).strategies[0]
    assert read.params == older
    assert get_strategy(entry.strategy).resolve(read.params) == entry.params


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ""),
        ({"leverage": 10.0}, "surge: leverage = 10 liquidates 9.6% from the entry"),
        ({"max_position_size": 0.2}, "surge: 10 symbols of max_position_size = 0.2 use 200.0%"),
        ({"weight_basis": "margin"}, "surge: with weight_basis = margin 10 symbols can lose"),
    ],
)
def test_a_release_whose_sizing_breaks_a_bound_is_refused(
    root: Path, values: dict[str, Any], words: str
) -> None:
    publish(root, candidate(), WALL)
    params = {**get_strategy("surge").resolve({}), **values}

    def change(fields: dict[str, Any]) -> None:
        fields["strategies"][0] |= {"strategy": "surge", "params": params}

    _rewrite(root, change)
    if not words:
        assert read_current(root, AS_OF).strategies[0].strategy == "surge"
        return
    with pytest.raises(ReleaseRefused, match=words):
        read_current(root, AS_OF)


def _flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize("damage", [_flip_byte, _truncate, Path.unlink])
@pytest.mark.parametrize("name", ["manifest.json", "params.json", "model/m.txt"])
def test_every_damaged_file_of_a_release_is_refused(
    root: Path, name: str, damage: Callable[[Path], None]
) -> None:
    model = NewFile("model/m.txt", "model", b"a model of some length, to be cut short by thirty")
    publish(root, replace(candidate(), files=(model,)), WALL)
    read_current(root, AS_OF)
    damage(_manifest(root).parent / name)
    with pytest.raises(ReleaseRefused, match=name) as caught:
        read_current(root, AS_OF)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "torn or malformed"),
        (b'{"release_id": "2025', "torn or malformed"),
        (b"[]", "torn or malformed"),
        (b'{"release_id": "../../etc", "manifest_sha256": "00"}', "which is not a release"),
        (b"\xff\xfe", "torn or malformed"),
    ],
)
def test_a_torn_pointer_is_refused_and_publishing_again_repairs_it(
    root: Path, text: bytes, words: str
) -> None:
    made = publish(root, candidate(), WALL)
    (root / "current").write_bytes(text)
    with pytest.raises(ReleaseRefused, match=words):
        read_current(root, AS_OF)
    again = publish(root, candidate(), WALL)
    assert (again.release_id, again.promoted) == (made.release_id, True)
    assert read_current(root, AS_OF).release_id == made.release_id


def test_a_pointer_to_a_different_or_missing_manifest_is_refused(root: Path) -> None:
    with pytest.raises(ReleaseRefused, match="no release is published in"):
        read_current(root, AS_OF)
    made = publish(root, candidate(), WALL)
    pointer = json.loads((root / "current").read_text())
    (root / "current").write_text(json.dumps({**pointer, "manifest_sha256": "0" * 64}))
    with pytest.raises(ReleaseRefused, match=r"manifest\.json hashes to .*, `current` says 00000"):
        read_current(root, AS_OF)
    (root / "current").write_text(json.dumps(pointer))
    shutil.rmtree(root / "releases" / made.release_id)
    with pytest.raises(ReleaseRefused, match=r"manifest\.json is missing"):
        read_current(root, AS_OF)


def test_a_symlink_out_of_the_release_is_refused(root: Path, tmp_path: Path) -> None:
    publish(root, candidate(), WALL)
    params = _manifest(root).parent / "params.json"
    outside = tmp_path / "outside.json"
    params.rename(outside)
    params.symlink_to(outside)
    with pytest.raises(ReleaseRefused, match="points outside of its folder"):
        read_current(root, AS_OF)


def test_a_damaged_current_release_does_not_block_publishing(root: Path) -> None:
    publish(root, candidate(), WALL)
    _flip_byte(_manifest(root))
    made = publish(root, candidate(as_of=AS_OF + HOUR), WALL)
    assert made.promoted
    assert made.reason.startswith("replaces a release that was refused: ")


def test_publishing_over_a_damaged_copy_says_what_to_do(root: Path) -> None:
    publish(root, candidate(), WALL)
    _flip_byte(_manifest(root).parent / "params.json")
    with pytest.raises(ReleaseRefused, match="it was published before and is damaged; delete"):
        publish(root, candidate(), WALL)


def test_reading_releases_imports_no_research_package() -> None:
    program = (
        "import sys, lake.releases; "
        "heavy = {'duckdb', 'polars', 'pandas', 'numba', 'prefect', 'great_expectations'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_times_of_a_release_are_utc(root: Path) -> None:
    made = publish(root, candidate(as_of=datetime(2025, 6, 20, 9, tzinfo=UTC)), WALL)
    assert made.release_id.startswith("20250620T090000Z-")
    with pytest.raises(DataError, match="has no time zone"):
        publish(root, candidate(as_of=datetime(2025, 6, 20)), WALL)  # noqa: DTZ001
