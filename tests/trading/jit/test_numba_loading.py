"""A second process loads compiled kernels and nothing that only compiling needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KERNELS = """
from trading.jit.kernel import kernel

@kernel
def mean(values, count):
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total / count

@kernel
def doubled(value):
    return 2.0 * value
"""
USE = """
import json, sys
import numpy as np
from pathlib import Path
from trading.jit import compiler
import kernels
compiler.enable(Path(sys.argv[1]))
mean = compiler.twin(kernels.mean)
found = {"mean": mean(np.array([1.0, 2.0]), 2.0)}
try:
    mean(np.array([1.0]), 0.0)
except ZeroDivisionError:
    found["refused"] = True
found["compiler"] = "numba.np.arrayobj" in sys.modules
found["others"] = [name for name in ("scipy", "yaml", "cffi") if name in sys.modules]
if sys.argv[2] == "more":
    found["doubled"] = compiler.twin(kernels.doubled)(1.5)
print(json.dumps(found))
"""


def use(folder: Path, then: str = "no") -> dict[str, object]:
    """Return what a new process found that keeps its kernels' code below ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", USE, str(folder / "cache"), then],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_second_process_loads_its_kernels_without_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    same = {"mean": 1.5, "refused": True}
    assert use(tmp_path) == {**same, "compiler": True, "others": ["cffi"]}
    assert use(tmp_path) == {**same, "compiler": False, "others": []}


@pytest.mark.slow
def test_a_process_with_loaded_kernels_can_compile_more(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    use(tmp_path)
    later = use(tmp_path, "more")
    assert later == {
        "mean": 1.5,
        "refused": True,
        "compiler": False,
        "others": [],
        "doubled": 3.0,
    }
