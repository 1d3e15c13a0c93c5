"""The candle recorder: what was decided on is kept, once, and for a limited time."""

from __future__ import annotations

from pathlib import Path

from executor.bus.events import ClosedCandle, EventMaker, EventType
from executor.ledger.store import Ledger
from executor.market_data.candle_recorder import CandleRecorder
from executor.model import instrument_id
from tests.executor.harness import ledger_rows
from trading.candles import DAY_MS, MINUTE_MS, Candle

BTCUSDT = instrument_id("BTCUSDT", "binance_usdm")


class Recorded:
    """A recorder on a ledger, fed by hand."""

    def __init__(self, folder: Path, keep_days: int = 2) -> None:
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.recorder = CandleRecorder(self.ledger.received_candles, keep_days)
        self.now = 0
        self._make = EventMaker(1, lambda: self.now)

    def hear(self, open_time: int, close: float = 100.0, *, fresh: bool = True) -> None:
        """A candle closes."""
        self.now = open_time + MINUTE_MS
        closed = ClosedCandle(Candle(open_time, 100.0, 101.0, 99.0, close, 7.0), fresh)
        self.recorder.on_candle_closed(
            self._make(EventType.CANDLE_CLOSED, symbol=BTCUSDT, payload=closed)
        )

    def rows(self) -> list[tuple[int, float, int]]:
        """What the ledger on the disk holds."""
        found = ledger_rows(
            Path(self.ledger.name), "select * from received_candles order by open_time, close"
        )
        return [(row["open_time"], row["close"], row["fresh"]) for row in found]


def test_candles_are_on_the_disk_after_the_next_flush(tmp_path: Path) -> None:
    kept = Recorded(tmp_path)
    kept.hear(0)
    kept.hear(MINUTE_MS, fresh=False)
    assert kept.rows() == []
    kept.recorder.write()
    kept.ledger.flush()
    assert kept.rows() == [(0, 100.0, 1), (MINUTE_MS, 100.0, 0)]
    kept.ledger.close()


def test_a_candle_heard_twice_is_one_row_and_a_corrected_one_another(tmp_path: Path) -> None:
    kept = Recorded(tmp_path)
    for close in (100.0, 100.0, 100.5):
        kept.hear(0, close)
        kept.recorder.write()
    kept.ledger.flush()
    assert kept.rows() == [(0, 100.0, 1), (0, 100.5, 1)]
    kept.ledger.close()


def test_old_candles_are_removed_and_those_of_the_last_days_stay(tmp_path: Path) -> None:
    kept = Recorded(tmp_path, keep_days=2)
    for day in range(5):
        kept.hear(day * DAY_MS)
    kept.recorder.write()
    kept.recorder.forget(4 * DAY_MS + MINUTE_MS)
    assert [row[0] // DAY_MS for row in kept.rows()] == [2, 3, 4]
    kept.ledger.close()


def test_a_day_is_removed_whole_because_its_copy_in_the_lake_follows_it(tmp_path: Path) -> None:
    kept = Recorded(tmp_path, keep_days=2)
    for hour in range(0, 96, 12):
        kept.hear(hour * 60 * MINUTE_MS)
    kept.recorder.write()
    kept.recorder.forget(3 * DAY_MS + 13 * 60 * MINUTE_MS)
    assert [row[0] / DAY_MS for row in kept.rows()] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    kept.recorder.forget(4 * DAY_MS)
    assert [row[0] / DAY_MS for row in kept.rows()] == [2.0, 2.5, 3.0, 3.5]
    kept.ledger.close()
