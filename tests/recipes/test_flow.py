"""A flow is one file and one entry of prefect.yaml: a test adds the one of CONTRIBUTING.md."""

from __future__ import annotations

import pytest

from tests.recipes.house import House, block, files_of, section

RECIPE = "Add a flow"
NAME = "count_candles"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("flow"))
    made.write(f"flows/{NAME}.py", block(section(RECIPE), "python"))
    entries = (made.root / "prefect.yaml").read_text(encoding="utf-8")
    made.write("prefect.yaml", f"{entries}\n{block(section(RECIPE), 'yaml')}")
    return made


def test_a_flow_touches_the_files_that_the_recipe_names(house: House) -> None:
    expected = [name.replace("NAME", NAME) for name in files_of(RECIPE)]
    assert house.touched() == sorted(expected)


def test_a_new_flow_runs_from_the_terminal(house: House) -> None:
    said = house.nocturne("flow", NAME, "--server", "none", "--as-of", "2025-06-19")
    assert f"{NAME} as of 2025-06-19 00:00Z" in said
    assert said.rstrip().endswith("0 candles in the lake")


def test_prefect_loads_a_new_flow_from_its_entry(house: House) -> None:
    said = house.python(
        "-c",
        "from flows.hosting.declared import deployments\n"
        "from prefect.flows import load_flow_from_entrypoint\n"
        "print(load_flow_from_entrypoint(deployments()[-1]['entrypoint']).name)",
    )
    assert said.split()[-1] == "count-candles"


def test_a_flow_without_a_body_is_refused_in_one_sentence(house: House) -> None:
    said = house.python(
        "-c",
        "from unittest.mock import patch\n"
        "from trading.errors import SettingsError\n"
        "from flows.engine.request import FlowArguments\n"
        "from flows.hosting import launch\n"
        "with patch.object(launch, 'declared_flows', lambda: {'toy': 'flows.scan:scan'}):\n"
        "    try: launch.launch('toy', FlowArguments('2025-06-19'), server='none')\n"
        "    except SettingsError as error: print(error)",
    )
    assert "flow 'toy': flows.scan:scan registers no body of that name" in said
