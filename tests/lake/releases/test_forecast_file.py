from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lake.files import sha256_bytes
from lake.releases import (
    FORECASTS,
    Forecasts,
    ForecastSeries,
    read_forecasts,
    write_forecasts,
)
from lake.releases.manifest import canonical
from trading.errors import ReleaseRefused
from trading.model_targets import VOLATILITY

AT = datetime(2025, 6, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
VENUE = "binance_usdm"


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def forecasts(as_of: datetime = AT, value: float = 0.002, quarters: int = 3) -> Forecasts:
    made = [ms(as_of - 15 * MINUTE * n) for n in reversed(range(quarters))]
    series = ForecastSeries(
        symbol="BTCUSDT",
        target=VOLATILITY,
        model="volatility_1h-BTCUSDT",
        model_sha256="a" * 64,
        proven=True,
        usual=0.001,
        made_at=tuple(made),
        values=tuple(value + n / 1e4 for n in range(quarters)),
    )
    release = "20250622T000000Z-abcdefgh"
    return Forecasts(as_of=as_of, release_id=release, git_commit="x", series=(series,))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert read_forecasts(tmp_path) is None
    assert write_forecasts(tmp_path, forecasts()) == "valid until 2025-06-22T12:30:00Z"
    assert read_forecasts(tmp_path) == forecasts()


def test_a_file_without_forecasts_claims_no_validity(tmp_path: Path) -> None:
    nothing = forecasts().model_copy(update={"series": ()})
    assert write_forecasts(tmp_path, nothing) == "none is valid"


def test_publishing_again_changes_nothing_and_older_ones_never_win(tmp_path: Path) -> None:
    write_forecasts(tmp_path, forecasts())
    before = (tmp_path / FORECASTS).stat().st_mtime_ns
    assert write_forecasts(tmp_path, forecasts()) == "unchanged"
    kept = write_forecasts(tmp_path, forecasts(AT - 15 * MINUTE))
    assert kept == "kept those of 2025-06-22T12:00:00Z, which are newer"
    assert (tmp_path / FORECASTS).stat().st_mtime_ns == before
    write_forecasts(tmp_path, forecasts(AT + 15 * MINUTE))
    found = read_forecasts(tmp_path)
    assert found is not None
    assert found.as_of == AT + 15 * MINUTE


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_torn_file_is_refused_and_replaced(tmp_path: Path, cut: int) -> None:
    write_forecasts(tmp_path, forecasts())
    path = tmp_path / FORECASTS
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ReleaseRefused, match="torn or not a file of forecasts"):
        read_forecasts(tmp_path)
    write_forecasts(tmp_path, forecasts(AT - 15 * MINUTE))
    assert read_forecasts(tmp_path) == forecasts(AT - 15 * MINUTE)


def test_an_edited_value_is_refused(tmp_path: Path) -> None:
    write_forecasts(tmp_path, forecasts())
    path = tmp_path / FORECASTS
    path.write_text(path.read_text().replace("0.0021", "0.0029"))
    with pytest.raises(ReleaseRefused, match="changed after it was published"):
        read_forecasts(tmp_path)


def test_a_rule_that_the_content_breaks_is_named(tmp_path: Path) -> None:
    content = forecasts().model_dump(mode="json")
    content["series"][0]["values"][0] = -0.1
    document = {"sha256": sha256_bytes(canonical(content)), "content": content}
    (tmp_path / FORECASTS).write_text(json.dumps(document))
    with pytest.raises(ReleaseRefused, match="volatility is not positive"):
        read_forecasts(tmp_path)


def test_a_forecast_newer_than_its_file_is_impossible() -> None:
    late = (
        forecasts().series[0].model_copy(update={"made_at": (ms(AT + MINUTE),), "values": (1.0,)})
    )
    with pytest.raises(ValueError, match="newer than as_of"):
        Forecasts(as_of=AT, release_id="r", git_commit="x", series=(late,))


def test_the_newest_known_forecast_is_used_until_it_expires() -> None:
    found = forecasts()

    def at(minutes: int) -> float | None:
        known = found.known_at(VOLATILITY, VENUE, "BTCUSDT", ms(AT + minutes * MINUTE))
        return known.value if known is not None else None

    assert [at(m) for m in (2, 3, 29, 30)] == [0.0021, 0.0022, 0.0022, None]
    assert at(-40) is None
    assert found.known_at(VOLATILITY, VENUE, "ETHUSDT", ms(AT)) is None


def test_a_simulation_reads_the_same_forecasts_at_every_minute() -> None:
    found = forecasts()
    series = found.volatility_of(VENUE, "BTCUSDT")
    assert series is not None
    for minute in range(-45, 45):
        moment = ms(AT + minute * MINUTE)
        known = found.known_at(VOLATILITY, VENUE, "BTCUSDT", moment)
        volatility, usual = series.at(np.array([moment]))
        if known is None:
            assert np.isnan(volatility[0])
        else:
            assert (volatility[0], usual[0]) == (known.value, known.usual)


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import lake.files as files
from tests.lake.releases.test_forecast_file import AT, MINUTE, forecasts
from lake.releases import write_forecasts
root, step = Path(sys.argv[1]), sys.argv[2]
write_forecasts(root, forecasts())
def dies(name):
    real = getattr(os, name)
    def stop(*a, **k):
        if step == name + " before":
            os._exit(9)
        real(*a, **k)
        os._exit(9)
    setattr(os, name, stop)
if step.startswith("fsync"):
    dies("fsync")
else:
    real = Path.replace
    def stop(self, target):
        if step.endswith("before"):
            os._exit(9)
        real(self, target)
        os._exit(9)
    Path.replace = stop
write_forecasts(root, forecasts(AT + 15 * MINUTE))
"""


@pytest.mark.parametrize("step", ["fsync before", "fsync after", "replace before", "replace after"])
def test_a_kill_at_any_step_leaves_the_old_forecasts_or_the_new(tmp_path: Path, step: str) -> None:
    project = str(Path(__file__).parents[3])
    code = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), step, project], env=os.environ, check=False
    ).returncode
    assert code == 9
    found = read_forecasts(tmp_path)
    assert found in (forecasts(), forecasts(AT + 15 * MINUTE))
    assert (found == forecasts(AT + 15 * MINUTE)) == (step == "replace after")
    write_forecasts(tmp_path, forecasts(AT + 15 * MINUTE))
    assert read_forecasts(tmp_path) == forecasts(AT + 15 * MINUTE)
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []
