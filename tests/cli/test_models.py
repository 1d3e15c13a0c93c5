"""`nocturne models`: trains from the lake, shows progress, and says what is missing."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.main import main
from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features
from lake.store import Lake
from tests.flows.candle_lake import put_checked, sample_minutes

START = datetime(2025, 5, 20, tzinfo=UTC)
AS_OF = datetime(2025, 6, 16, tzinfo=UTC)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", "models", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_search_shows_its_progress_and_the_models_cards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, AS_OF))
    build_bars(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_features(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_universe(lake, as_of=AS_OF)
    build_relative(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    where = ("--lake", str(tmp_path), "--as-of", "2025-06-16T00:00Z")
    options = ("--search-minutes", "0.01", "--json")
    assert run(monkeypatch, "BTCUSDT,NONEUSDT", *where, *options) == 0
    out, err = capsys.readouterr()
    cards = json.loads(out)
    assert [card["model"] for card in cards] == ["volatility_1h", "direction_1h"]
    assert cards[0]["scores"]["trials"] >= 1
    assert "volatility_1h-BTCUSDT: recipe 1 is lightgbm, R² " in err
    assert "NONEUSDT left out: NONEUSDT: there are no features in the lake" in err


def test_without_features_the_reason_is_shown_and_the_status_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ("--lake", str(tmp_path), "--as-of", "2025-06-16T00:00Z")
    assert run(monkeypatch, "BTCUSDT", *where) == 1
    assert "build the features first" in capsys.readouterr().err


def test_a_negative_budget_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--as-of", "2025-06-16T00:00Z", "--search-minutes", "-1")
    assert run(monkeypatch, "BTCUSDT", *where) == 2
    assert "--search-minutes -1 is below 0; give 0 or more" in capsys.readouterr().err
