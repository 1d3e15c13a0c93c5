"""Flows in this process: what they complete, what they leave out, and what they report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial
from html import unescape
from pathlib import Path

import pytest

from flows.engine.engine import FlowStep, PlainEngine
from flows.engine.request import FlowArguments
from flows.engine.run_notes import markdown
from flows.hosting.launch import launch
from flows.pipeline import FlowResult
from lake.releases import read_current, read_release
from lake.store import Lake
from lake.tables import DRIFT, FEATURES, QUARANTINE, RELATIVE
from tests.flows.sample import AS_OF, break_prices, write_sample, write_settings
from tests.lake.ingest.broken_files import BROKEN, LINK, write_broken
from trading.errors import DataError, ParameterError, SettingsError


def _launch(name: str, folder: Path, *, symbols: tuple[str, ...], lines: list[str]) -> FlowResult:
    return launch(
        name,
        FlowArguments(AS_OF, folder / "lake", folder / "sample", symbols),
        settings=write_settings(folder),
        server="none",
        say=lines.append,
    )


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FlowResult, list[str]]:
    """Run one nightly over a good and a broken symbol, shared by the tests that look at it."""
    folder = tmp_path_factory.mktemp("night")
    sample = write_sample(folder / "sample", ("BTCUSDT", "ETHUSDT"))
    break_prices(sample, "ETHUSDT")
    write_broken(sample / "broken")
    lines: list[str] = []
    result = _launch("nightly", folder, symbols=("BTCUSDT", "ETHUSDT"), lines=lines)
    return folder, result, lines


def test_a_symbol_with_bad_data_is_left_out_and_the_others_continue(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, result, _ = night
    release = read_current(folder / "lake" / "published", AS_OF)
    assert [(entry.strategy, entry.symbol) for entry in release.strategies] == [
        ("breakout", "BTCUSDT")
    ]
    assert {item.symbol for item in release.left_out} == {"ETHUSDT"}
    assert "not complete for ETHUSDT" in result.message


def test_the_run_says_which_symbol_was_left_out_and_why(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    _, result, lines = night
    named = [line for line in lines if "left out: ETHUSDT" in line]
    assert len(named) == 1
    assert "rows are bad" in named[0]
    assert "rows are bad" in result.left_out[0].reason


def test_a_webhook_that_does_not_answer_costs_no_report(
    night: tuple[Path, FlowResult, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(night[0], tmp_path / "night", symlinks=True)
    monkeypatch.setenv("NOCTURNE_RESEARCH_SUMMARY_URL", "http://127.0.0.1:1/s3cret")
    lines: list[str] = []
    result = _launch("report", folder, symbols=("BTCUSDT",), lines=lines)
    assert Path(result.results["report"]).is_file()
    assert "summary not written: the server of summary_url cannot be reached" in result.message
    assert "s3cret" not in result.message + "".join(lines)


def test_the_night_names_every_file_that_it_could_not_use(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    _, result, lines = night
    words = {f"broken/{name}": text for name, (_, text) in BROKEN.items()}
    words[f"broken/{LINK}"] = "it is a link to a file"
    assert {path for path, _ in result.unusable} == words.keys()
    report = unescape(Path(result.results["report"]).read_text(encoding="utf-8"))
    note = markdown("nightly", result.message, result.left_out, {}, result.unusable)
    for name, text in words.items():
        assert name in result.message.partition("; not usable: ")[2]
        (line,) = [line for line in lines if f"not usable: {name}: " in line]
        assert text in line
        reason = line.partition(f"not usable: {name}: ")[2]
        assert f"{name}: {reason}" in report
        assert f"| {name} | {reason} |" in note


def test_bad_rows_go_to_quarantine_with_their_reason(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, _, _ = night
    rows = Lake(folder / "lake").read(QUARANTINE, symbol="ETHUSDT")
    assert rows.num_rows > 1000
    assert all(rows["reason"].to_pylist())


def test_a_release_reads_nothing_at_or_after_as_of(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, _, _ = night
    refs = read_current(folder / "lake" / "published", AS_OF).fingerprint
    assert {(ref.layer, ref.table) for ref in refs} == {
        ("checked", "bars"),
        ("checked", "candles"),
        ("raw", "candles"),
    }
    assert all(ref.last is not None and ref.last < AS_OF for ref in refs)


def test_the_release_names_its_run_and_the_report_is_written(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, result, _ = night
    release = read_release(folder / "lake" / "published", result.results["publish"].release_id)
    assert release.flow_run.id == result.run.id
    assert Path(result.results["report"]).is_file()


def test_a_second_nightly_publishes_the_same_release(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, first, _ = night
    lines: list[str] = []
    again = _launch("nightly", folder, symbols=("BTCUSDT", "ETHUSDT"), lines=lines)
    assert again.results["publish"].release_id == first.results["publish"].release_id
    assert again.results["publish"].reason == "unchanged: it is the current release"
    assert [o.value.reused for o in again.results["optimize"]] == [True]


def test_a_flow_without_a_good_symbol_fails_with_the_reasons(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample")
    break_prices(sample, "BTCUSDT")
    with pytest.raises(DataError, match=r"validate: no symbol is left.*BTCUSDT.*rows are bad"):
        _launch("nightly", tmp_path, symbols=("BTCUSDT",), lines=[])


def test_a_symbol_missing_from_the_sample_is_left_out_by_name(
    night: tuple[Path, FlowResult, list[str]],
) -> None:
    folder, _, _ = night
    result = _launch("validate", folder, symbols=("BTCUSDT", "DOGEUSDT"), lines=[])
    assert [item.symbol for item in result.left_out] == ["DOGEUSDT"]


@pytest.mark.parametrize("name", ["validate", "features", "optimize", "train", "publish"])
def test_a_flow_on_an_empty_lake_names_the_flow_to_run_first(name: str, tmp_path: Path) -> None:
    first = r"has no binance_usdm candles of BTCUSDT; first run `nocturne flow import` \(files in "
    with pytest.raises(DataError, match=first + r".*\) or `nocturne download`"):
        launch(
            name,
            FlowArguments(AS_OF, tmp_path / "lake", tmp_path, ("BTCUSDT",)),
            settings=write_settings(tmp_path, models=True),
            server="none",
            say=lambda _line: None,
        )


@pytest.mark.slow
def test_features_and_train_alone_do_what_they_need(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample")
    arguments = FlowArguments(AS_OF, tmp_path / "lake", tmp_path / "sample", ("BTCUSDT",))
    alone = partial(
        launch,
        server="none",
        settings=write_settings(tmp_path, models=True),
        say=lambda _line: None,
    )
    alone("import", arguments)
    assert "features of BTCUSDT are built" in alone("features", arguments).message
    lake = Lake(tmp_path / "lake")
    assert lake.read(FEATURES).num_rows == lake.read(RELATIVE).num_rows > 0
    shutil.rmtree(lake.root / "features")
    shutil.rmtree(lake.root / "checked")
    assert "volatility_1h-BTCUSDT" in alone("train", arguments).message


@pytest.mark.slow
def test_the_most_traded_symbols_can_replace_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(tmp_path / "sample", ("BTCUSDT", "ETHUSDT"))
    monkeypatch.setenv("NOCTURNE_RESEARCH_TOP_SYMBOLS", "1")
    arguments = FlowArguments(AS_OF, tmp_path / "lake", tmp_path / "sample")
    quietly = partial(
        launch, server="none", settings=write_settings(tmp_path), say=lambda _line: None
    )
    quietly("import", arguments)
    found = quietly("validate", arguments)
    assert found.message == "1 symbols passed: BTCUSDT"
    assert [o.key for o in found.results["validate"]] == ["BTCUSDT", "ETHUSDT"]
    ranked = [member.symbol for member in found.results["universe"]]
    assert ranked == ["BTCUSDT", "ETHUSDT"]
    named = quietly("validate", replace(arguments, symbols=("ETHUSDT",)))
    assert named.message == "1 symbols passed: ETHUSDT"
    with pytest.raises(DataError, match="no symbol has candles of the last day"):
        quietly("validate", replace(arguments, as_of=AS_OF + timedelta(days=9)))


def test_an_unknown_flow_a_wrong_symbol_and_a_dead_server_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="there is no flow 'nightlyy'"):
        launch("nightlyy", FlowArguments(lake=tmp_path))
    with pytest.raises(ParameterError, match="'btc/usdt' is not a symbol"):
        launch("scan", FlowArguments(lake=tmp_path, symbols=("btc/usdt",)))
    with pytest.raises(SettingsError, match=r"no Prefect server answers at http://127.0.0.1:9/api"):
        launch("scan", FlowArguments(lake=tmp_path), server="http://127.0.0.1:9")
    with pytest.raises(ParameterError, match="server 'somewhere' is none of"):
        launch("scan", FlowArguments(lake=tmp_path), server="somewhere")


def test_a_step_is_retried_after_an_operating_system_error() -> None:
    left = [OSError("disk is busy"), OSError("disk is busy")]

    def work(key: str) -> str:
        if left:
            raise left.pop()
        return f"done {key}"

    engine = PlainEngine("test", 1, [].append)
    assert engine.each(FlowStep("copy", work, retries=2), ["A"])[0].value == "done A"


def test_a_users_mistake_is_not_retried() -> None:
    calls: list[str] = []

    def work(key: str) -> str:
        calls.append(key)
        raise DataError(f"{key} has no candles")

    engine = PlainEngine("test", 1, [].append)
    outcome = engine.each(FlowStep("copy", work, retries=2), ["A"])[0]
    assert (outcome.value, outcome.error, calls) == (None, "A has no candles", ["A"])


def test_outcomes_keep_the_order_of_their_keys() -> None:
    engine = PlainEngine("test", 4, [].append)
    outcomes = engine.each(FlowStep("name", str.lower), list("DCBA"))
    assert [outcome.value for outcome in outcomes] == list("dcba")


@pytest.mark.slow
def test_forecasts_build_features_and_leave_drift_to_the_night(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ("BTCUSDT",))
    (tmp_path / "work").mkdir()
    result = launch(
        "signals",
        FlowArguments(AS_OF, tmp_path / "lake", tmp_path / "sample", ("BTCUSDT",)),
        settings=write_settings(tmp_path, models=True),
        server="none",
        say=lambda _: None,
    )
    assert result.message.startswith("no forecast: ")
    lake = Lake(tmp_path / "lake")
    assert lake.has(FEATURES, symbol="BTCUSDT")
    assert not lake.has(DRIFT)
