"""`nocturne why` and `nocturne executor` at the command line: answers, exit codes, sentences."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cli.executor.command import app as executor_app
from cli.why.command import app as why_app
from executor.bus.events import EventMaker, EventType
from executor.ledger.records import OrderRow, PositionRow
from executor.ledger.store import Ledger
from executor.model import OrderState, VenueFill, instrument_id
from lake.ingest.importer import import_folder
from lake.releases import Candidate, FlowRun, PartitionRef, StrategyEntry, publish
from lake.store import Lake
from lake.tables import RAW_CANDLES
from trading.errors import DataError, SettingsError
from trading.order_ids import order_id, order_key
from trading.strategies.registry import get_strategy

BTCUSDT = instrument_id("BTCUSDT", "binance_usdm")
AS_OF = datetime(2025, 6, 20, tzinfo=UTC)
SAMPLE = Path(__file__).resolve().parents[3] / "data_lake" / "sample"
BAR = 1_750_400_000_000


def write_causes(ledger: Ledger) -> tuple[str, str]:
    """Write a candle, its signal and the intent; return the ids of the last two."""
    make = EventMaker(1, lambda: BAR + 60_000)
    prices = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 9.0}
    candle = make(EventType.CANDLE_CLOSED, symbol=BTCUSDT, open_time=BAR, **prices)
    signal = make(
        EventType.SIGNAL_GENERATED,
        symbol=BTCUSDT,
        cause=candle.id,
        strategy="breakout",
        action="enter",
        reason="entered: close above target",
        overrides={"stop_loss": (0.02, 0.03)},
    )
    intent = make(
        EventType.ORDER_INTENT,
        symbol=BTCUSDT,
        cause=signal.id,
        risk_taken=0.001,
        risk_wanted=None,
        bound_by="ensemble",
        allocation={
            "weight": 0.4,
            "learned": False,
            "factor": 0.25,
            "regime": "down_trend",
            "candles": 3,
            "interval": "1h",
            "most": 0.1,
        },
    )
    for event in (candle, signal, intent):
        ledger.add_event(event)
    return signal.id, intent.id


def write_ledger(folder: Path, read: tuple[PartitionRef, ...] = ()) -> tuple[Path, str]:
    """Write a ledger with one entry order, its causes and its release; return path and order.

    The release has read the ``read`` partitions.
    """
    entry = StrategyEntry(
        strategy="breakout", symbol="BTCUSDT", params=get_strategy("breakout").resolve({})
    )
    candidate = Candidate(AS_OF, read, FlowRun(id="run-1", name="nightly"), strategies=(entry,))
    release_id = publish(folder / "published", candidate, now=AS_OF).release_id
    short = release_id[-8:]
    client_id = order_id(short, "main", "breakout", BTCUSDT, BAR, "en", 0)
    key = order_key("main", "breakout", BTCUSDT, BAR)
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.set_meta("account", "main")
    ledger.set_meta("published", str(folder / "published"))
    signal, intent = write_causes(ledger)
    position = ledger.insert_position(
        PositionRow(
            id=0,
            symbol=BTCUSDT,
            strategy="breakout",
            side=1,
            status="open",
            quantity=Decimal(1),
            entry_price=1.5,
            opened_at=BAR + 60_000,
            release_id=release_id,
            release_short=short,
            key=key,
            bar_time=BAR,
            params={},
            atr=0.0,
            high_water=1.5,
            cause=signal,
        )
    )
    ledger.add_intent(
        OrderRow(
            client_id=client_id,
            key=key,
            leg="en",
            n=0,
            symbol=BTCUSDT,
            strategy="breakout",
            release_id=release_id,
            bar_time=BAR,
            side="BUY",
            kind="MARKET",
            quantity=Decimal(1),
            trigger_price=None,
            reduce_only=False,
            close_position=False,
            position_id=position.id,
            status=OrderState.FILLED,
            exchange_id="8001",
            cause=intent,
            created_at=BAR + 60_000,
        )
    )
    one = Decimal(1)
    fill = VenueFill(BTCUSDT, "5", "8001", "BUY", one, one, one, "USDT", one, BAR + 60_000)
    ledger.add_fill(fill, client_id, position.id)
    ledger.close()
    return folder / "ledger.sqlite", client_id


def run(*arguments: str) -> Result:
    return CliRunner().invoke(why_app, list(arguments))


def test_an_order_is_explained_back_to_its_candle_release_and_flow_run(tmp_path: Path) -> None:
    ledger, client_id = write_ledger(tmp_path)
    result = run(client_id, "--ledger", str(ledger))
    assert result.exit_code == 0, result.output
    for text in (
        client_id,
        "fill 5: BUY 1 at 1",
        "breakout entered: close above target",
        "settings: stop_loss 0.03, in the release 0.02",
        "candle BTCUSDT 1m from 2025-06-20 06:13:20: O 1.0 H 2.0 L 0.5 C 1.5 V 9.0",
        "allocation: at most 10.0% of the equity: equal weight 40.0% × 0.25 in the regime"
        " down_trend (3 candles of 1h)",
        "flow run nightly run-1",
        "✓ order id",
        "✓ release",
    ):
        assert text in result.output


@pytest.mark.parametrize("name", ["exchange id", "beginning"])
def test_an_order_is_found_by_the_exchanges_id_and_by_its_beginning(
    tmp_path: Path, name: str
) -> None:
    ledger, client_id = write_ledger(tmp_path)
    wanted = "8001" if name == "exchange id" else client_id[:20]
    result = run(wanted, "--ledger", str(ledger), "--json")
    report = json.loads(result.stdout)
    assert report["order"]["client_id"] == client_id
    assert report["verified"] is True
    assert [event["type"] for event in report["because"]] == [
        "order_intent",
        "signal_generated",
        "candle_closed",
    ]


def settings_of(folder: Path, state: str) -> str:
    return (
        f'mode = "paper"\naccount = "main"\n[paths]\npublished = "{folder}/published"\n'
        f'state = "{state}"\n[venue]\nrest_url = "http://127.0.0.1:1"\n'
        'ws_url = "ws://127.0.0.1:1"\n'
    )


def test_without_a_ledger_the_one_of_the_settings_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client_id = write_ledger(tmp_path / "state")
    monkeypatch.chdir(tmp_path)
    missing = run(client_id)
    assert isinstance(missing.exception, SettingsError)
    assert "config/settings.toml does not exist; give --settings FILE" in str(missing.exception)
    (tmp_path / "config").mkdir()
    text = settings_of(tmp_path / "state", f"{tmp_path}/state")
    (tmp_path / "config" / "settings.toml").write_text(text)
    assert f"order {client_id}" in run(client_id).output
    (tmp_path / "other.toml").write_text(settings_of(tmp_path, f"{tmp_path}/empty"))
    other = run(client_id, "--settings", "other.toml")
    assert isinstance(other.exception, DataError)
    assert "empty/ledger.sqlite" in str(other.exception)


def test_a_changed_release_does_not_verify(tmp_path: Path) -> None:
    ledger, client_id = write_ledger(tmp_path)
    params = next((tmp_path / "published" / "releases").glob("*/params.json"))
    params.write_bytes(params.read_bytes() + b" ")
    result = run(client_id, "--ledger", str(ledger))
    assert result.exit_code == 1
    assert "not verified" in result.output
    assert "changed after it was published" in result.output


def import_day(lake: Lake, source: Path, close: float) -> None:
    """Import a day of real minutes up to `AS_OF`, one of which closes at ``close``."""
    rows = pq.read_table(SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet")
    open_time = rows["open_time"].cast("int64").to_numpy()
    last = int(np.searchsorted(open_time, int(AS_OF.timestamp() * 1000)))
    rows = rows.slice(last - 1_440, 1_440)
    closes = rows["close"].to_numpy().copy()
    closes[700] = close
    index = rows.schema.get_field_index("close")
    source.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.set_column(index, "close", pa.array(closes)), source / "BTCUSDT.parquet")
    assert import_folder(lake, source.parents[1], AS_OF).partitions_written == 1


def test_a_partition_in_which_one_bit_changed_does_not_verify(tmp_path: Path) -> None:
    lake, source = Lake(tmp_path), tmp_path / "sample" / "candles_1m" / "usdm"
    price = 105_000.0
    import_day(lake, source, price)
    ledger, client_id = write_ledger(tmp_path, lake.fingerprint(RAW_CANDLES, AS_OF))
    arguments = [client_id, "--ledger", str(ledger), "--lake", str(tmp_path)]
    intact = run(*arguments)
    assert intact.exit_code == 0
    assert "✓ raw/candles/venue=binance_usdm/symbol=BTCUSDT" in intact.output
    import_day(lake, source, float(np.nextafter(price, np.inf)))
    changed = run(*arguments)
    assert changed.exit_code == 1
    assert "✗ raw/candles/venue=binance_usdm/symbol=BTCUSDT" in changed.output
    assert re.search(
        r"error: not verified: .*part\.parquet: the rows up to .* hash to", changed.output
    )


def test_an_unknown_order_and_a_missing_ledger_give_one_sentence_each(tmp_path: Path) -> None:
    ledger, _ = write_ledger(tmp_path)
    unknown = run("n1-nothing", "--ledger", str(ledger))
    missing = run("x", "--ledger", str(tmp_path / "no.sqlite"))
    assert isinstance(unknown.exception, DataError)
    assert str(unknown.exception) == "there is no order 'n1-nothing' in this ledger"
    assert isinstance(missing.exception, DataError)
    assert "no ledger at" in str(missing.exception)


def test_a_missing_lake_is_named(tmp_path: Path) -> None:
    ledger, client_id = write_ledger(tmp_path)
    result = run(client_id, "--ledger", str(ledger), "--lake", str(tmp_path / "nowhere"))
    assert re.search("no lake at .*nowhere", str(result.exception))


def test_commands_report_an_executor_that_does_not_run(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        'mode = "paper"\naccount = "a"\n[paths]\npublished = "p"\nstate = "s"\n'
        '[venue]\nrest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:1"\n'
    )
    names = "status health stop pause reduce freeze resume flatten sync"
    for command in (*([name] for name in names.split()), ["close", "BTCUSDT"]):
        result = CliRunner().invoke(executor_app, [*command, "--settings", str(settings)])
        assert isinstance(result.exception, SettingsError)
        assert "no executor answers in" in str(result.exception)


def test_every_command_has_help_with_an_example() -> None:
    for command in ("run", "status", "stop", "pause", "resume", "flatten"):
        result = CliRunner().invoke(executor_app, [command, "--help"])
        assert "Example: nocturne executor" in result.output
    assert "Example: nocturne why" in run("--help").output
