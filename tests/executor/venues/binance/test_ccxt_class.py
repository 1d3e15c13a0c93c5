"""Of ccxt, an executor loads its venues alone."""

from __future__ import annotations

import subprocess
import sys

CLIENTS = (
    "from executor.venues.binance_spot.client import BinanceSpot\n"
    "from executor.venues.binance_usdm.client import BinanceUsdm\n"
    "import sys\n"
)


def run(script: str) -> str:
    """The output of Python."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_no_other_exchange_is_loaded() -> None:
    found = run(f"{CLIENTS}print(*sorted(n for n in sys.modules if n.startswith('ccxt.')))").split()
    assert "ccxt.async_support.binanceusdm" in found
    exchanges = [
        name for name in found if name.count(".") == (2 if ".async_support." in name else 1)
    ]
    assert {name.rpartition(".")[2] for name in exchanges} <= {
        *("abstract", "base", "binance", "binanceusdm", "static_dependencies", "async_support"),
        *("precise", "dydx_client"),
    }


def test_whoever_needs_ccxt_gets_the_whole_of_it_with_the_same_classes() -> None:
    script = (
        f"{CLIENTS}import ccxt, ccxt.async_support as c, ccxt.pro\n"
        "assert BinanceUsdm.market.client is c.binanceusdm\n"
        "assert BinanceSpot.market.client is c.binance\n"
        "assert c.NetworkError is ccxt.NetworkError and c.bitget and ccxt.bitget\n"
        "assert issubclass(ccxt.pro.binance, c.binance)\n"
        "print('whole')"
    )
    assert run(script) == "whole\n"


def test_a_ccxt_that_is_loaded_already_is_used() -> None:
    script = f"import ccxt.async_support as c\n{CLIENTS}print(BinanceUsdm.market.client)"
    assert run(script) == "<class 'ccxt.async_support.binanceusdm.binanceusdm'>\n"


def test_a_ccxt_that_cannot_be_loaded_alone_is_loaded_whole() -> None:
    script = (
        "import executor.venues.binance.ccxt_class as c\n"
        "def fails(shell): raise AttributeError('module ccxt has no attribute')\n"
        "c._fill = fails\n"
        "import sys\n"
        "print(c.ccxt_class('binance').__name__, 'ccxt.bitget' in sys.modules)"
    )
    assert run(script) == "binance True\n"
