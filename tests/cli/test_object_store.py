"""`--lake s3://…` is refused in one sentence at every door; nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cli.main import main
from lake.store import Lake
from trading.errors import DataError

DOORS = [
    "download --symbols BTCUSDT",
    "import freqtrade data",
    "import folder data",
    "sql select/**/1",
    "sql --views",
    "release list",
    "release show x",
    "release diff x y",
    "release rollback x",
    "why n1 --ledger ledger.sqlite",
    "flow nightly --server none",
    "flow import --server none",
    "flow report --server none",
]
ADDRESSES = ["s3://bucket/lake", "gs://bucket", "az://container/a/b", "https://host/lake"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_object_store_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    door: str,
    address: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "ledger.sqlite").touch()
    before = sorted(tmp_path.rglob("*"))
    words = [word.replace("/**/", " ") for word in door.split()]
    monkeypatch.setattr(sys, "argv", ["nocturne", *words, "--lake", address])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {address} is an object store, which is not supported yet; "
        "give a folder of this machine\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("variable", ["NOCTURNE_LAKE", "NOCTURNE_RESEARCH_LAKE"])
def test_it_is_refused_in_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.setenv(variable, "s3://bucket/lake")
    command = "sql select" if variable == "NOCTURNE_LAKE" else "flow scan --server none"
    monkeypatch.setattr(sys, "argv", ["nocturne", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "s3://bucket/lake is an object store" in capsys.readouterr().err


def test_a_lake_in_a_program_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="s3://bucket/a is an object store"):
        Lake("s3://bucket/a")
    assert Lake(tmp_path / "a:b" / "lake").root == tmp_path / "a:b" / "lake"
