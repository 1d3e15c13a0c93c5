"""The notebook of the documents, executed as a reader of it would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import nocturne as nc

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
FILE = FOLDER / "first-look.ipynb"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the notebook with what its cells showed; a cell that fails ends the test."""
    home = str(tmp_path_factory.mktemp("home"))
    notebook = nbformat.read(FILE, as_version=4)
    client = NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(FOLDER)}})
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NOCTURNE_COMPILE", "never")
        patched.setenv("IPYTHONDIR", home)
        patched.setenv("JUPYTER_RUNTIME_DIR", home)
        return client.execute()


def shown(notebook: Any, source: str) -> dict[str, str]:
    """Return what the cell with ``source`` as its last line shows, by media type."""
    (cell,) = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.splitlines()[-1] == source
    ]
    (output,) = cell.outputs
    return dict(output.data)


def test_the_notebook_is_kept_without_results() -> None:
    notebook = nbformat.read(FILE, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_a_back_test_shows_its_measures_and_a_chart_that_loads_nothing(ran: Any) -> None:
    page = shown(ran, "result")["text/html"]
    assert "max_drawdown" in page
    assert "<iframe" in page
    assert "src=" not in page


def test_the_numbers_are_those_of_the_door(ran: Any) -> None:
    sample = FOLDER / "../../data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
    candles = nc.read_candles(sample).between("2025-05-06", "2025-05-18")
    plain = nc.Terms(compiled=False)
    result = nc.backtest("breakout", candles, terms=plain, k=0.3, filters="off")
    assert len(result.trades) == 3
    assert shown(ran, "result.trades")["text/plain"] == str(result.trades)
    free = nc.backtest(
        "breakout",
        candles,
        terms=nc.Terms(0.0, 0.0, compiled=False),
        k=0.3,
        filters="off",
    )
    paid = free.metrics["total_return"][0] - result.metrics["total_return"][0]
    assert f"{paid:.2%}" in shown(ran, 'f"costs took {costs:.2%} of the account"')["text/plain"]
    assert paid > 0.0


def test_unseen_days_stand_beside_those_of_the_choice(ran: Any) -> None:
    table = shown(ran, 'walk.folds.select("k", "in_sample", "out_of_sample")')["text/html"]
    assert "out_of_sample" in table
    assert "<td>" in table
