"""The example files show every setting with its default."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from flows.settings import FILE_VARIABLE, ResearchSettings, load_settings
from trading.errors import SettingsError

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "research.example.toml"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NOCTURNE_RESEARCH_"):
            monkeypatch.delenv(name)


def test_the_research_example_names_every_setting() -> None:
    written = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert set(written) == set(ResearchSettings.model_fields)
    defaults = ResearchSettings.model_construct()
    assert set(written["walk_forward"]) == set(type(defaults.walk_forward).model_fields)
    assert set(written["validation"]) == set(type(defaults.validation).model_fields)


def test_the_research_example_gives_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(EXAMPLE))
    example = load_settings()
    empty = tmp_path / "research.toml"
    empty.touch()
    monkeypatch.setenv(FILE_VARIABLE, str(empty))
    assert example == load_settings()


@pytest.mark.parametrize(
    "written", [b"[report]\nlanguage = 'ko'\n[report]\n", b"venue = upbit", b"\xff\xfe", b"= 1"]
)
def test_a_file_that_is_no_toml_is_named_with_the_place_of_the_fault(
    written: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "research.toml"
    file.write_bytes(written)
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    with pytest.raises(SettingsError, match=r"research\.toml cannot be read: .+"):
        load_settings()
