"""Only a venue's own folder knows its codes, hosts and field names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("trading", "lake", "flows", "executor", "dashboard", "cli", "nocturne", "web")
EXEMPT = ("executor/venues/binance", "flows/sources/binance_", "cli/sandbox")
"""The adapter itself, the sources of the same name, and the simulated exchange's command."""
FOREIGN = {
    "an error code": re.compile(r"(?<!\*\* )(?<![\w.)\]] )(?<![\w.)\]])-[1-5]\d{3}(?![\d_.])"),
    "a host or path": re.compile(r"binance\.com|binancefuture|\b[fd]api\b|\bfstream\b"),
    "a field name": re.compile(
        r"\b(reduceOnly|closePosition|(new|orig)?ClientOrderId|clientOrderId|newClientOrderId"
        r"|origClientOrderId|clientAlgoId|listenKey|apiKey|positionSide|recvWindow|triggerPrice"
        r"|stopPrice|executedQty|origQty|timeInForce|workingType|marginType|X-MBX-\w+)\b"
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_nothing_outside_the_adapter_names(kind: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(EXEMPT)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FOREIGN[kind].search(line)
    ]
    assert found == []
