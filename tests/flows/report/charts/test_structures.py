"""ICT structures on the report's price chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.report.charts.prices import Bars, price_chart
from flows.report.charts.structures import Break, Marks, Swing, Zone, marks_of
from flows.report.lake_reader import read_report_data
from flows.steps.reporting.report import build_report
from lake.tables import STRUCTURES
from tests.flows.report.lake import AS_OF, START, small_lake
from trading.candles import HOUR_MS

BARS = Bars(
    tuple(HOUR_MS * n for n in range(6)), (5.0,) * 6, (9.0,) * 6, (1.0,) * 6, (5.5,) * 6, HOUR_MS
)
NASTY = '"><script>alert(1)</script>'


def row(known: int, kind: str, event: str, at: int, top: float, **more: Any) -> dict[str, Any]:
    """Return an event; times in hours."""
    hours = {"bar_time": at, "found_at": at + 1, "known": known}
    moments = {name: datetime.fromtimestamp(hour * 3600, UTC) for name, hour in hours.items()}
    return {"kind": kind, "event": event, "side": 1, "top": top, "bottom": top, **moments, **more}


def test_a_zone_lasts_from_when_it_was_known_until_it_ended() -> None:
    events = [
        row(2, "gap", "found", 1, 8.0, bottom=6.0),
        row(3, "gap", "touched", 1, 8.0, bottom=6.0),
        row(4, "gap", "filled", 1, 8.0, bottom=6.0),
        row(2, "block", "found", 1, 4.0, bottom=3.0),
        row(3, "block", "mitigated", 1, 4.0, bottom=3.0),
        row(3, "pool", "found", 1, 9.0),
        row(5, "pool", "swept", 1, 9.0),
        row(6, "pool", "taken", 1, 9.0),
    ]
    marks = marks_of(events, HOUR_MS, 6 * HOUR_MS)
    assert marks.zones == (
        Zone("gap", 1, 8.0, 6.0, 2 * HOUR_MS, 4 * HOUR_MS),
        Zone("block", 1, 4.0, 3.0, 2 * HOUR_MS, 6 * HOUR_MS),
        Zone("pool", 1, 9.0, 9.0, 3 * HOUR_MS, 5 * HOUR_MS),
    )
    assert marks_of(events[3:5], 1, 6 * HOUR_MS).zones[0].end == 2 * HOUR_MS + 200


def test_swings_and_breaks_keep_their_bar_and_when_they_were_known() -> None:
    events = [
        row(3, "swing", "found", 1, 9.0),
        row(4, "break", "found", 1, 9.0),
        row(5, "change_of_character", "found", 2, 3.0, side=-1),
    ]
    marks = marks_of(events, HOUR_MS, 6 * HOUR_MS)
    assert marks.swings == (Swing(1, HOUR_MS, 9.0),)
    assert marks.breaks == (
        Break(1, HOUR_MS, 4 * HOUR_MS, 9.0, False),
        Break(-1, 2 * HOUR_MS, 5 * HOUR_MS, 3.0, True),
    )


def test_zones_are_cut_to_the_chart_and_those_off_its_prices_are_left_out() -> None:
    marks = Marks(
        zones=(
            Zone("block", 1, 4.0, 3.0, -9 * HOUR_MS, 3 * HOUR_MS),
            Zone("gap", -1, 8.0, 6.0, 2 * HOUR_MS, 4 * HOUR_MS),
            Zone("gap", 1, 90.0, 80.0, 2 * HOUR_MS, 4 * HOUR_MS),
            Zone("pool", 1, 9.0, 9.0, HOUR_MS, 2 * HOUR_MS),
        ),
        swings=(Swing(1, HOUR_MS, 9.0), Swing(-1, 2 * HOUR_MS, 1.0)),
        breaks=(Break(1, HOUR_MS, 3 * HOUR_MS, 9.0, True),),
    )
    data = price_chart("p", "BTC", BARS, [], marks).data
    found = [(one["kind"], one["side"], one["from"], one["to"]) for one in data["zones"]]
    assert found == [
        ("block", 1, 0, 3 * HOUR_MS),
        ("pool", 1, HOUR_MS, 2 * HOUR_MS),
        ("gap", -1, 2 * HOUR_MS, 4 * HOUR_MS),
    ]
    assert [one["side"] for one in data["swings"]] == [1, -1]
    assert [one["change"] for one in data["breaks"]] == [True]


def test_only_the_largest_of_many_zones_are_drawn() -> None:
    zones = tuple(Zone("gap", 1, 5.0 + n / 1000, 5.0, 0, 3 * HOUR_MS) for n in range(1, 101))
    data = price_chart("p", "BTC", BARS, [], Marks(zones)).data
    assert len(data["zones"]) == 60
    assert min(one["top"] for one in data["zones"]) == 5.041


def test_the_report_draws_what_the_release_could_have_known(tmp_path: Path) -> None:
    lake, release = small_lake(tmp_path, strategy="ict_mixed")
    hour = timedelta(hours=1)
    found = [
        {"open_time": START + n * hour, "known": START + (n + 1) * hour, "kind": kind,
         "event": "found", "side": 1, "bar_time": START + (n - 1) * hour,
         "found_at": START + (n + 1) * hour, "top": 103.0, "bottom": 101.0}
        for n, kind in ((30, "block"), (95, "gap"), (110, "gap"), (40, NASTY))
    ]  # fmt: skip
    rows = pa.Table.from_pylist(found, schema=STRUCTURES.schema)
    series = {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1h", "month": "2025-05"}
    lake.write(STRUCTURES, rows, **series)
    marks = read_report_data(lake, AS_OF, release).marks["BTCUSDT"]
    assert [zone.kind for zone in marks.zones] == ["block", "gap"]
    page = build_report(lake, as_of=AS_OF, release_id=release).path.read_text()
    assert page.count('"kind":"block","side":1') == 1
    assert NASTY not in page


def test_structures_are_shown_only_where_a_strategy_trades_them(tmp_path: Path) -> None:
    lake, release = small_lake(tmp_path)
    assert read_report_data(lake, AS_OF, release).marks == {}
    page = build_report(lake, as_of=AS_OF, release_id=release).path.read_text()
    assert '"zones"' not in page
