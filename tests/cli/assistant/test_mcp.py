"""`nocturne mcp`, asked by the official client over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from executor.ledger.store import Ledger
from lake.store import Lake
from tests.executor.harness import publish_release
from tests.first_hour import market
from tests.first_hour.terminal import environment
from tests.flows.candle_lake import put_checked, put_funding, sample_minutes

SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake, a release, an empty ledger, and a file of keys beside them."""
    place = tmp_path_factory.mktemp("assistant")
    lake = Lake(place / "lake")
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", market.FIRST, market.LAST))
    put_funding(lake, "BTCUSDT")
    publish_release(place / "lake" / "published", market.LAST)
    Ledger(place / "ledger.sqlite").close()
    (place / ".env").write_text(f"NOCTURNE_BINANCE_SECRET={SECRET}\n")
    return place


@asynccontextmanager
async def asked(folder: Path) -> AsyncIterator[Client]:
    """A client of a new server."""
    words = ["-m", "cli", "mcp", "--lake", "lake", "--ledger", "ledger.sqlite"]
    root = str(Path(__file__).parents[3])
    variables = environment(
        folder, PYTHONPATH=root, NOCTURNE_COMPILE="never", NOCTURNE_BINANCE_SECRET=SECRET
    )
    parameters = StdioServerParameters(
        command=sys.executable, args=words, env=variables, cwd=str(folder)
    )
    async with Client(parameters) as client:
        yield client


async def answer(client: Client, tool: str, **arguments: Any) -> Any:
    """Return the data of an answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)["data"]


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)


async def test_every_tool_reads_only_and_answers(folder: Path) -> None:
    async with asked(folder) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "sql", "tables", "releases", "release", "report", "strategies", "strategy", "backtest",
            "positions", "trades", "profit", "why",
        }  # fmt: skip
        assert all(tool.annotations.read_only_hint for tool in tools)
        assert "close" in (await answer(client, "tables"))["candles"]
        assert [one["proven"] for one in await answer(client, "releases")] == [False]
        assert {one["strategy"] for one in (await answer(client, "release"))["strategies"]} == {
            "breakout", "rsi_bollinger",
        }  # fmt: skip
        assert "Gates" in (await answer(client, "report"))["checks"]
        assert "breakout" in await answer(client, "strategies")
        shown = await answer(client, "strategy", name="breakout")
        assert "k" in {one["name"] for one in shown["parameters"]}
        assert await answer(client, "positions") == []
        assert await answer(client, "trades", count=5) == []
        assert (await answer(client, "profit"))[0]["trades"] == 0
        assert "no order" in await refusal(client, "why", order="n1-unknown")


async def test_sql_is_cut_and_a_back_test_is_that_of_the_command(folder: Path) -> None:
    async with asked(folder) as client:
        found = await answer(client, "sql", query="select close from candles", limit=3)
        assert (len(found["rows"]), found["cut"]) == (3, True)
        span = {"start": "2025-05-10", "end": "2025-05-18"}
        params = {"filters": "off", "k": 0.3}
        ran = await answer(
            client, "backtest", strategy="breakout", symbol="BTCUSDT", params=params, **span
        )
        assert ran["funding"] == "lake"
        assert ran["results"][0]["trades"] > 0


OUTSIDE = (
    "select * from read_text('{folder}/.env')",
    "select * from read_csv('{folder}/.env')",
    "select * from '{folder}/ledger.sqlite'",
    "select * from glob('{folder}/*')",
    "select * from read_text('{folder}/lake/../.env')",
    "select * from read_text('https://127.0.0.1:9/')",
    "copy (select 1) to '{folder}/lake/x.csv'",
    "select 1) ; copy (select 1) to '{folder}/lake/x.csv' ; select (1",
    "attach '{folder}/ledger.sqlite'",
    "set enable_external_access = true",
    "install sqlite",
)


async def test_nothing_but_the_lake_is_reached_and_no_module_is_imported(folder: Path) -> None:
    span = {"symbol": "BTCUSDT", "start": "2025-05-10", "end": "2025-05-12"}
    async with asked(folder) as client:
        for query in OUTSIDE:
            text = await refusal(client, "sql", query=query.format(folder=folder))
            assert SECRET not in text
        assert "is refused here" in await refusal(client, "backtest", strategy="os:system", **span)
        assert "1 to 500" in await refusal(client, "sql", query="select 1", limit=10_000)
        assert "1 to 200" in await refusal(client, "trades", count=100_000)
    assert not (folder / "lake" / "x.csv").exists()
