"""A table is one contract and one SQL file: a test adds the one of CONTRIBUTING.md."""

from __future__ import annotations

import json

import pytest

from tests.recipes.house import House, block, files_of, section

RECIPE = "Add a table"
LAYER, NAME = "research", "spreads"
WRITE = """
from datetime import UTC, datetime
import pyarrow as pa
from lake.store import Lake
from lake.tables import TABLES

table, lake = TABLES["spreads"], Lake("lake_of_the_test")
as_of = datetime(2025, 6, 19, tzinfo=UTC)
rows = {"as_of": [as_of] * 2, "symbol": ["ETHUSDT", "BTCUSDT"], "spread_bps": [0.4, 0.1]}
lake.write(table, pa.table(rows), run="one")
print(lake.read(table)["symbol"].to_pylist())
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("table"))
    module = f"lake/tables/{LAYER}.py"
    contracts = (made.root / module).read_text(encoding="utf-8")
    made.write(module, contracts + block(section(RECIPE), "python"))
    made.write(f"sql/reports/{NAME}.sql", block(section(RECIPE), "sql"))
    return made


def test_a_table_touches_the_files_that_the_recipe_names(house: House) -> None:
    expected = [name.replace("NAME", NAME).replace("LAYER", LAYER) for name in files_of(RECIPE)]
    assert house.touched() == sorted(expected)


def test_a_new_table_is_written_read_and_queried(house: House) -> None:
    assert house.python("-c", WRITE).split() == ["['BTCUSDT',", "'ETHUSDT']"]
    query = ("sql", "--file", f"sql/reports/{NAME}.sql", "--format", "json")
    found = json.loads(house.nocturne(*query))
    assert [(row["symbol"], row["spread_bps"]) for row in found] == [
        ("BTCUSDT", 0.1),
        ("ETHUSDT", 0.4),
    ]
    before = house.nocturne(*query, "--as-of", "2025-06-18")
    assert json.loads(before) == []


def test_the_query_of_the_recipe_passes_the_linter(house: House) -> None:
    house.python("-m", "sqlfluff", "lint", "--disable-progress-bar", f"sql/reports/{NAME}.sql")
