"""A strategy is one file: the example of the documents, added to a copy of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.house import PROJECT, House, block, files_of

PAGE = PROJECT / "docs" / "strategies.md"
CANDLES = "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("strategy"))
    (recipe,) = files_of("Add a strategy")
    example = PAGE.read_text(encoding="utf-8").split("## Writing a strategy")[1]
    made.write(recipe.replace("NAME", "rises"), block(example, "python"))
    return made


def results(house: House, name: str) -> list[dict[str, Any]]:
    """The results in a file that a command wrote."""
    found: list[dict[str, Any]] = json.loads((house.root / name).read_text())["results"]
    return found


def test_a_strategy_touches_the_files_that_the_recipe_names(house: House) -> None:
    expected = [name.replace("NAME", "rises") for name in files_of("Add a strategy")]
    assert house.touched() == sorted(expected)


@pytest.mark.timeout(300)
def test_a_new_strategy_is_listed_back_tested_and_searched(house: House) -> None:
    assert "rises " in house.nocturne("strategies", "list")
    common = ("--strategy", "rises", "--candles", CANDLES, "--set", "filters=off")
    house.nocturne("backtest", *common, "--set", "signal_tf=4h", "--json", "one.json")
    house.nocturne(
        "search", *common, "--set", "signal_tf=4h", "--grid", "rises=2:4:1", "--json", "all.json"
    )
    (only,) = results(house, "one.json")
    found = results(house, "all.json")
    assert only["trades"] > 0
    assert {result["params"]["rises"] for result in found} == {2, 3, 4}
    # Where the parameters are the same, the search finds what the back-test found.
    (same,) = (result for result in found if result["params"]["rises"] == 3)
    assert (same["trades"], same["total_return"]) == (only["trades"], only["total_return"])


def test_a_module_without_its_strategy_is_refused_in_one_sentence(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write("trading/strategies/technical/empty.py", '"""Nothing."""\n')
    said = house.python(
        "-c",
        "from trading.errors import ParameterError\n"
        "from trading.strategies.registry import get_strategy\n"
        "try: get_strategy('empty')\n"
        "except ParameterError as error: print(error)",
    )
    assert "empty.py must define one strategy class with name = 'empty', it defines 0" in said
