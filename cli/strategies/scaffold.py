"""`nocturne strategies new`: a working strategy with its test, in the user's folder."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

from trading.errors import DataError, ParameterError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def write_strategy(name: str, folder: Path) -> tuple[Path, Path]:
    """Write ``name.py`` and ``test_name.py`` into ``folder``, which is made; return both paths.

    A name that Python, Nocturne or a file has taken is refused.
    """
    from cli.backtesting import ensemble, maker
    from trading.strategies.registry import strategy_names

    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ParameterError(
            f"strategy name '{name}' cannot be a module; use lower-case letters, digits and _,"
            " for example my_breakout"
        )
    targets = folder / f"{name}.py", folder / f"test_{name}.py"
    for target in targets:
        if target.exists():
            raise DataError(f"{target} exists; choose another name, or edit that file")
    if name in (*strategy_names(), maker.NAME, ensemble.NAME):
        raise ParameterError(f"strategy '{name}' exists already; choose another name")
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "folder": folder.name,
    }
    folder.mkdir(parents=True, exist_ok=True)
    templates = files("cli.strategies") / "templates"
    for target, template in zip(targets, ("strategy.py.txt", "test.py.txt"), strict=True):
        text = (templates / template).read_text(encoding="utf-8").format(**words)
        target.write_text(text, encoding="utf-8")
    return targets
