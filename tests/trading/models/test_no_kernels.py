"""The compile cache leaves out what no kernel comes from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from trading.jit import compiler


def test_a_folder_outside_the_cache_key_defines_no_kernel() -> None:
    for folder in compiler.WITHOUT_KERNELS:
        files = sorted((compiler.SOURCE_ROOT / folder).rglob("*.py"))
        assert files
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    marks = [ast.unparse(mark) for mark in node.decorator_list]
                    assert not [mark for mark in marks if "kernel" in mark], (file, node.name)


@pytest.mark.parametrize(("folder", "same"), [("models", True), ("positions", False)])
def test_the_cache_key_follows_kernels_and_not_models(
    tmp_path: Path, folder: str, same: bool
) -> None:
    (tmp_path / folder).mkdir()
    file = tmp_path / folder / "one.py"
    file.write_text("first = 1\n")
    before = compiler.source_key(tmp_path)
    file.write_text("first = 2\n")
    assert (compiler.source_key(tmp_path) == before) is same
