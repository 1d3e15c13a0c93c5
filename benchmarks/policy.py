"""The environment of a policy: steps a second, in the interpreter of the extra `deep`.

    make test-deep && python benchmarks/policy.py

Their results: docs/learning.md, by ``benchmarks/model_table.py --only deep --write``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from _targets import Targets

ROOT = Path(__file__).resolve().parents[1]
DEEP = ROOT / ".venv-deep" / "bin" / "python"
CANDLES = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
CODE = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])
from _policy import market, steps_a_second
from trading.jit import compiler
compiler.enable()
print(steps_a_second(market(Path(sys.argv[2])).train))
"""


def main() -> None:
    """Measure and compare with the target."""
    targets = Targets()
    if not DEEP.exists():
        targets.not_taken("steps of the environment", "`make test-deep` makes the interpreter")
    else:
        ran = subprocess.run(
            [DEEP, "-c", CODE, ROOT / "benchmarks", CANDLES],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        if ran.returncode:
            sys.exit(ran.stderr)
        targets.at_least("steps of the environment", float(ran.stdout.split()[-1]), 20_000, "/s")
    targets.finish()


if __name__ == "__main__":
    main()
