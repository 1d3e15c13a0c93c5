"""Planted look-aheads in state that a step keeps outside of its buffer are found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.main import main
from trading.candles import CandleColumns
from trading.research.probes.lookahead import probe_lookahead
from trading.research.probes.repetition import repeated
from trading.research.probes.series import MEMORY
from trading.strategies.registry import get_strategy

SAMPLE = Path(__file__).parents[4] / "data_lake" / "sample" / "candles_1m" / "usdm"

HEADER = """
from trading.jit.kernel import kernel
from trading.strategies.base import Strategy
from trading.strategies.layout import ACTION, ENTER, EXIT, LIMIT, REASON, SEEN


class {name}(Strategy):
    name = "{lower}"
    summary = "planted"
    reasons = {{1: "close {{seen}}, limit {{limit}}"}}

    def state_size(self, params):
        return 4

    def warmup(self, params):
        return 10
"""

REMEMBERS_CLOSES = """
KNOWN = {}


@kernel
def step(state, par, out, bar):
    KNOWN[bar.open_time] = bar.close
    later = KNOWN.get(bar.open_time + bar.length, bar.close)
    out[REASON] = 1.0
    out[SEEN] = bar.close
    out[LIMIT] = bar.close
    out[ACTION] = ENTER if later > bar.close else EXIT
"""

COUNTS_CALLS = """
CALLS = [0]


@kernel
def step(state, par, out, bar):
    CALLS[0] += 1
    out[REASON] = 1.0
    out[SEEN] = bar.close
    out[LIMIT] = bar.close
    out[ACTION] = ENTER if CALLS[0] % 7 == 0 else EXIT
"""

REMEMBERS_ON_THE_FUNCTION = """
@kernel
def step(state, par, out, bar):
    peak = getattr(note, "peak", bar.close)
    note.peak = max(peak, bar.close)
    out[REASON] = 1.0
    out[SEEN] = peak
    out[LIMIT] = bar.close
    out[ACTION] = ENTER if bar.close >= peak else EXIT


def note():
    return None
"""

PEEKS_IN_THE_SCAN = """
@kernel
def step(state, par, out, bar):
    out[REASON] = 1.0
    out[SEEN] = bar.close
    out[LIMIT] = state[0]
    out[ACTION] = ENTER if bar.close > state[0] else EXIT
    state[0] = bar.close


@kernel
def scan(rows, extremes, pars, width, targets, found, found_of):
    count = 0
    for i in range(1, len(rows.times) - 3):
        if rows.closes[i + 3] > rows.closes[i]:
            if count < len(found):
                found[count] = i
                found_of[count] = 0
            count += 1
    return count
"""


def planted(folder: Path, name: str, kernels: str) -> None:
    """Write a module with one strategy, as a user would."""
    body = HEADER.format(name=name, lower=name.lower())
    body += "    step = staticmethod(step)\n"
    if "def scan" in kernels:
        body += "    scan = staticmethod(scan)\n"
    imports, _, strategy = body.partition("\n\nclass")
    (folder / f"planted_{name.lower()}.py").write_text(f"{imports}\n{kernels}\n\nclass{strategy}")


def probe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `nocturne probe lookahead`; return its exit status."""
    candles = ("--candles", str(SAMPLE / "ETHUSDT.parquet"), "--cuts", "3", "--json", "-")
    monkeypatch.setattr(sys, "argv", ["nocturne", "probe", "lookahead", *arguments, *candles])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("name", "kernels", "view"),
    [
        ("Closes", REMEMBERS_CLOSES, MEMORY),
        ("Calls", COUNTS_CALLS, MEMORY),
        ("Peak", REMEMBERS_ON_THE_FUNCTION, MEMORY),
        ("Scan", PEEKS_IN_THE_SCAN, "agreement of the engines"),
    ],
)
@pytest.mark.parametrize("timeframe", ["1m", "15m"])
def test_the_command_finds_a_planted_look_ahead(
    name: str,
    kernels: str,
    view: str,
    timeframe: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    planted(tmp_path, f"{name}{timeframe}", kernels)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    reference = f"planted_{name.lower()}{timeframe}:{name}{timeframe}"
    settings = ("--set", "filters=off", "--set", f"signal_tf={timeframe}")
    assert probe(monkeypatch, "--strategy", reference, *settings) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["passed"]
    assert view in {change["view"] for change in document["changes"]}


def test_a_strategy_of_the_working_folder_without_look_ahead_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    honest = PEEKS_IN_THE_SCAN.partition("@kernel\ndef scan")[0]
    planted(tmp_path, "Honest", honest)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    options = ("--strategy", "planted_honest:Honest", "--set", "signal_tf=5m")
    assert probe(monkeypatch, *options) == 0
    assert json.loads(capsys.readouterr().out)["compiled"] is True


def test_the_same_candles_give_the_same_decisions(bitcoin: CandleColumns) -> None:
    strategy = get_strategy("breakout")
    params = strategy.resolve({"filters": "off", "signal_tf": "5m"})
    compared, changes = repeated(strategy, params, bitcoin, 2_000)
    assert compared == 2 * 1_500 * 5
    assert changes == []


def test_the_result_says_that_a_step_does_not_compile(
    monkeypatch: pytest.MonkeyPatch, bitcoin: CandleColumns, tmp_path: Path
) -> None:
    from trading.strategies.registry import load_strategy

    planted(tmp_path, "Uncompiled", COUNTS_CALLS)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    strategy = load_strategy("planted_uncompiled:Uncompiled")
    found = probe_lookahead(strategy, {"filters": "off"}, bitcoin.rows(0, 3_000), cuts=2)
    assert not found.compiled
    assert found.sentence.endswith("; the step does not compile: all in plain Python")
