"""A venue is one folder: the example of the documents, added to a copy of the project."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from executor.venues import registry
from executor.venues.registry import get_venue, venue_names
from tests.recipes.house import PROJECT, House, block, files_of
from trading.errors import SettingsError

RECIPE = "Add a venue"
PAGE = PROJECT / "docs" / "venues.md"
TRADE = """
import asyncio, sys
from decimal import Decimal
from pathlib import Path
from executor.builder import build
from executor.bus.events import EventType
from executor.ledger.store import Ledger
from executor.model import InstrumentId, Tick
from executor.runtime.clock import ReplayClock
from executor.settings import Settings
from executor.strategy.signal import Levels, Signal
from executor.venues.plugin import ConnectionRequest
from executor.venues.registry import get_venue
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy

COIN = InstrumentId("COINUSDT.toy")

async def main():
    folder = Path(sys.argv[1])
    settings = Settings.model_validate({
        "mode": "replay", "account": "test", "venues": {"toy": {}},
        "paths": {"published": folder / "p", "state": folder},
    })
    request = ConnectionRequest(settings.venues["toy"], "", "", None, 60.0)
    connection = get_venue("toy").connect(request)
    x = build(settings, ReplayClock(120_000), Ledger(folder / "ledger.sqlite"), [connection])
    x.portfolio.learn(await connection.venue.connect([COIN], 5))
    x.subscribe_signals()
    x.subscribe_market()
    tasks = [asyncio.create_task(work) for work in (
        x.services.bus.run(), x.execution_reports.run(),
        connection.user.run(x.on_user_event), connection.market.run(x.feed.push),
    )]
    await asyncio.sleep(0)
    await x.reconciler.run_once()
    x.releases.valid = lambda: True
    x.feed.push(Tick(COIN, 100.0, 120_000))
    x.feed.seen[COIN] = 3
    params = get_strategy("breakout").resolve({"stop_loss": 0.01})
    x.services.emit(EventType.SIGNAL_GENERATED, symbol=COIN, payload=Signal(
        strategy="breakout", symbol=COIN, action="enter", side=1, reason="test", values={},
        levels=Levels(), confidence=None, price=100.0, bar_time=60_000, params=params,
        release_id="20250620T000000Z-abcdefgh", release_short="abcdefgh",
        key=order_key("test", "breakout", COIN, 60_000),
    ))
    await x.services.activity.wait_idle()
    holding = x.portfolio.holding(COIN)
    print("held", holding.row.quantity, "protected", holding.protected)
    connection.venue.price = Decimal(98)
    x.exit_monitor.on_price(COIN, 98.0, None)
    await x.services.activity.wait_idle()
    print("closed", holding.closed.is_set(), holding.row.exit_reason)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await x.services.stop_tasks()
    x.services.ledger.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("venue"))
    (recipe,) = files_of(RECIPE)
    example = PAGE.read_text(encoding="utf-8").split("## Writing a venue")[1]
    made.write(recipe.replace("NAME", "toy"), block(example, "python"))
    made.write("executor/venues/toy/__init__.py", "")
    return made


def test_a_venue_touches_the_folder_that_the_recipe_names(house: House) -> None:
    (expected,) = (name.replace("NAME", "toy") for name in files_of(RECIPE))
    assert house.touched() == ["executor/venues/toy/__init__.py", expected]


def test_a_position_at_a_new_venue_is_guarded_and_closed_at_its_stop(
    house: House, tmp_path: Path
) -> None:
    said = house.python("-c", TRADE, str(tmp_path)).splitlines()
    assert said[-2:] == ["held 10.00 protected True", "closed True stop_loss"]


def test_a_venue_of_another_package_comes_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = get_venue("binance_spot")

    class Point:
        value = "elsewhere:VENUE"

        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> Any:
            return type(made)(self.name, made.hosts, made.connect)

    def points(group: str) -> list[Point]:
        return [Point(name) for name in names] if group == registry.GROUP else []

    monkeypatch.setattr(metadata, "entry_points", points)
    try:
        registry._others.cache_clear()
        names = ["elsewhere"]
        assert "elsewhere" in venue_names()
        assert get_venue("elsewhere").hosts is made.hosts
        registry._others.cache_clear()
        names = ["binance_spot"]
        with pytest.raises(SettingsError, match="has a name that is taken"):
            venue_names()
    finally:
        registry._others.cache_clear()
        get_venue.cache_clear()
