"""State survives a restart, accounts come from a file, fills respect the recorded volume."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.audit.both_ledgers import audit_both
from sandbox.audit.exchange_ledger import audit_ledger
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.requests import AlgoOrderRequest
from sandbox.faults.injection import Fault
from sandbox.server.accounts import read_accounts
from sandbox.server.server import SandboxServer
from sandbox.server.snapshots import TABLES, EngineRecord
from tests.sandbox.helpers import START, RestClient, limit, market, stop
from trading.candles import MINUTE_MS
from trading.errors import DataError, SettingsError

D = Decimal
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
EXECUTOR = """
create table orders (client_id text, key text, leg text);
create table fills (
    symbol text, trade_id text, client_id text, price text, quantity text, fee text
);
create table positions (symbol text, side integer, quantity text, closed_at integer);
insert into orders values ('e1', 'k1', 'en');
"""


async def ask(server: SandboxServer, method: str, path: str, **params: Any) -> Any:
    async with aiohttp.ClientSession() as session:
        return (await RestClient(session, server.url).signed(method, path, **params))[1]


async def test_orders_and_positions_survive_a_restart(serving: Serving, tmp_path: Path) -> None:
    files = {"state": tmp_path / "state.sqlite", "ledger": tmp_path / "exchange.sqlite"}
    async with serving(venue="both", **files) as server:
        await ask(server, "POST", "/fapi/v1/order", **ORDER)
        rest = ORDER | {"type": "LIMIT", "timeInForce": "GTC", "price": "95000"}
        await ask(server, "POST", "/api/v3/order", **rest)
        before = server.replay.now
    async with serving(venue="both", **files) as server:
        assert server.span.begin >= before
        assert server.span.begin % MINUTE_MS == 0
        rows = await ask(server, "GET", "/fapi/v3/positionRisk")
        assert rows[0]["positionAmt"] == "0.01"
        (resting,) = await ask(server, "GET", "/api/v3/openOrders")
        assert resting["status"] == "NEW"
        await ask(server, "POST", "/fapi/v1/order", **ORDER | {"side": "SELL"})
    report = audit_ledger(files["ledger"])
    assert report.violations == []
    assert (report.fills, report.round_trips) == (2, 1)


async def kill(server: SandboxServer) -> None:
    """Stop a server as a kill would: unsaved state is lost."""
    server.state.save = lambda: None  # type: ignore[method-assign]
    await server.stop()


async def test_kill_loses_nothing_or_at_most_what_followed_the_last_periodic_save(
    serving: Serving, tmp_path: Path
) -> None:
    for every, left in ((0.0, "0.01"), (1000.0, "0")):
        files = {"state": tmp_path / f"{every}.sqlite", "state_every": every}
        async with serving(**files) as server:
            server.state.save()
            await ask(server, "POST", "/fapi/v1/order", **ORDER)
            await kill(server)
        async with serving(**files) as server:
            (row,) = await ask(server, "GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
            assert row["positionAmt"] == left
            assert len(await ask(server, "GET", "/fapi/v1/userTrades", symbol="BTCUSDT")) == (
                1 if every == 0 else 0
            )


async def test_save_writes_only_what_is_new(serving: Serving, tmp_path: Path) -> None:
    files = {"state": tmp_path / "state.sqlite"}
    async with serving(venue="both", clock="stepped", **files) as server:
        written = []
        for _ in range(12):
            before = server.state.changed_rows
            await ask(server, "POST", "/fapi/v1/order", **ORDER)
            written.append(server.state.changed_rows - before)
        # The order, its fill and its fee; nothing from before.
        assert len(set(written[1:])) == 1
        assert written[-1] < 12


async def test_restart_resumes_a_rolled_back_state(serving: Serving, tmp_path: Path) -> None:
    files = {"state": tmp_path / "state.sqlite"}
    async with serving(**files) as server:
        await ask(server, "POST", "/fapi/v1/order", **ORDER)
        await server.incidents.inject(Fault("checkpoint"))
        for _ in range(3):
            await ask(server, "POST", "/fapi/v1/order", **ORDER)
        await server.incidents.inject(Fault("restart", seconds=0.0, rollback=True))
    async with serving(**files) as server:
        (row,) = await ask(server, "GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
        assert row["positionAmt"] == "0.01"
        assert len(await ask(server, "GET", "/fapi/v1/allOrders", symbol="BTCUSDT")) == 1


def reloaded(
    engine: UsdmEngine, record: EngineRecord, connection: sqlite3.Connection
) -> UsdmAccount:
    """Save, load the file into another engine, and return that engine's account."""
    head = record.save(connection)
    other = UsdmEngine(BUILT_IN.values())
    EngineRecord("usdm", other).load(connection, head, engine.core.now)
    assert other.core.last_order_id == engine.core.last_order_id
    assert other.core.events == engine.core.events
    return other.core.accounts["main"]


def test_loaded_state_equals_the_saved_one_after_every_step(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    trailing = AlgoOrderRequest(
        "BTCUSDT", "SELL", "TRAILING_STOP_MARKET", D("0.01"), callback_rate=D(1)
    )
    steps: list[Callable[[], object]] = [
        lambda: engine.place(account, market("BUY", "0.020")),
        lambda: engine.place(account, limit("BUY", "0.010", "99000.0")),
        lambda: engine.place_algo(account, stop("SELL", "98000.0")),
        lambda: engine.place_algo(account, trailing),
        lambda: engine.on_price("BTCUSDT", D("100500.0")),
        lambda: engine.amend(
            account, next(iter(account.open_orders.values())), D("0.010"), D("99100.0")
        ),
        lambda: engine.on_price("BTCUSDT", D("99000.0")),
        lambda: engine.apply_funding("BTCUSDT", D("0.0001")),
        lambda: engine.on_price("BTCUSDT", D("97000.0")),
    ]
    record = EngineRecord("usdm", engine)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        for step in steps:
            step()
            loaded = reloaded(engine, record, connection)
            assert loaded == account
            for ident, order in loaded.open_orders.items():
                assert order is loaded.orders[ident]
            engine.take_events()
    assert not account.open_orders
    assert not account.open_algos


async def test_file_that_is_not_a_state_file_is_refused(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("something else entirely")
    with pytest.raises(DataError, match="not a sandbox state file"):
        async with serving(state=tmp_path / "notes"):
            pass


def test_accounts_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    row = '[[account]]\nname = "a"\nkey = "k"\nsecret = "s"\n'
    path.write_text(row + "usdm = {USDT = 5}\n")
    (plan,) = read_accounts(path)
    assert (plan.name, plan.usdm) == ("a", {"USDT": D(5)})
    for text, sentence in [
        ("", "holds no"),
        (row + row, "'a' is given twice"),
        (row + "usdm = {BTC = 1}\n", "margin is in USDT"),
        (row + "colour = 1\n", "'colour' is not a field"),
        (row + "spot = {BTC = -1}\n", "0 or more"),
        ('[[account]]\nname = "a"\nkey = "k"\n', "no secret and no public_key"),
    ]:
        path.write_text(text)
        with pytest.raises(SettingsError, match=sentence):
            read_accounts(path)


def test_fills_respect_volume_and_price_time_priority(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    other = engine.open_account("other", {"USDT": D(10_000)})
    first = engine.place(account, limit("BUY", "0.010", "99000.0"))
    second = engine.place(other, limit("BUY", "0.010", "99000.0"))
    better = engine.place(other, limit("BUY", "0.010", "99500.0"))
    engine.supply("BTCUSDT", D("0.025"), D(0))
    engine.on_price("BTCUSDT", D("98000.0"))
    assert [o.filled for o in (better, first, second)] == [D("0.010"), D("0.010"), D("0.005")]
    taken = engine.place(account, market("SELL", "0.010"))
    assert (taken.status, taken.filled) == ("EXPIRED", D("0.005"))
    assert (taken.average, second.status) == (D("99000.0"), "FILLED")


async def test_fills_of_a_minute_never_exceed_its_volume(serving: Serving) -> None:
    async with serving(fills="volume", balances={"USDT": D(100_000_000)}) as server:
        answers = [
            await ask(
                server, "POST", "/fapi/v1/order", **ORDER | {"quantity": "2"},
                newOrderRespType="RESULT",
            )
            for _ in range(4)
        ]  # fmt: skip
    assert answers[0]["executedQty"] == "2"
    # A candle has 10 BTC; a quarter is available from the start.
    assert sum(D(row["executedQty"]) for row in answers) <= D(10)
    assert answers[-1]["status"] == "EXPIRED"


async def test_audit_compares_the_executor_with_the_exchange(
    serving: Serving, tmp_path: Path
) -> None:
    ledger, state = tmp_path / "exchange.sqlite", tmp_path / "executor.sqlite"
    async with serving(ledger=ledger) as server:
        await ask(server, "POST", "/fapi/v1/order", **ORDER, newClientOrderId="e1")
        await ask(server, "POST", "/fapi/v1/order", **ORDER, newClientOrderId="lost")
        fills = server.exchange.engine.core.accounts["main"].fills
    first = fills[0]
    with closing(sqlite3.connect(state)) as connection:
        connection.executescript(EXECUTOR)
        row = (first.symbol, str(first.trade_id), "e1", str(first.price), "0.01", str(first.fee))
        connection.execute("insert into fills values (?, ?, ?, ?, ?, ?)", row)
        connection.execute("insert into positions values ('BTCUSDT', 1, '0.01', null)")
        connection.commit()
    found = [text.split(":")[0] for text in audit_both(ledger, state).violations]
    assert found == ["I2", "I3", "I4"]
    assert first.time >= START


async def test_unknown_parameter_is_refused_unless_checks_are_off(serving: Serving) -> None:
    async with serving(venue="both") as server:
        for path in ("/fapi/v1/order", "/api/v3/order"):
            answer = await ask(server, "POST", path, **ORDER, stopLossPrice="1")
            assert (answer["code"], answer["msg"]) == (
                -1104,
                "Not all sent parameters were read; read '6' parameter(s) but was sent '7'.",
            )
    async with serving(strict=False) as server:
        answer = await ask(server, "POST", "/fapi/v1/order", **ORDER, stopLossPrice="1")
        assert answer["symbol"] == "BTCUSDT"
