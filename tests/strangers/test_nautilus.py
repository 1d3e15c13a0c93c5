"""nautilus_trader, unmodified: instruments, data, orders of every kind that it has a method for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.strangers.conftest import SAMPLE, Started, running, wait_for
from tests.strangers.environments import python_of

pytestmark = pytest.mark.slow

REQUIREMENTS = ("nautilus_trader==1.231.0",)
NODE = Path(__file__).parent / "bots" / "nautilus_node.py"
# A GTD order, changed, cancelled; an entry; a stop, cancelled; an exit. Spot has no amendments.
FUTURES = [
    "OrderAccepted", "OrderUpdated", "OrderCanceled", "OrderAccepted", "OrderFilled",
    "OrderAccepted", "OrderCanceled", "OrderAccepted", "OrderFilled",
]  # fmt: skip
SPOT = [name for name in FUTURES if name != "OrderUpdated"]


def account(folder: Path) -> tuple[Path, Path]:
    """Write an account with an Ed25519 key, which spot's sessions need, and its private key."""
    key = Ed25519PrivateKey.generate()
    private, accounts = folder / "private.pem", folder / "accounts.toml"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    accounts.write_text(
        f'[[account]]\nname = "main"\nkey = "sandbox"\npublic_key = """{public.decode()}"""\n'
        'usdm = {USDT = "10000"}\nspot = {USDT = "10000"}\n'
    )
    return private, accounts


@pytest.mark.parametrize("venue", ["usdm", "spot"])
def test_nautilus_trades_beside_the_other_market(
    venue: str, sandbox: Started, tmp_path: Path
) -> None:
    python = python_of("nautilus_trader", *REQUIREMENTS, version="3.12")
    private, accounts = account(tmp_path)
    options = ("--candles", str(SAMPLE / "usdm"), "--venue", "both", "--symbols", "BTCUSDT")
    with sandbox(*options, "--accounts", str(accounts), "--from", "2025-06-12") as exchange:
        report = tmp_path / "report.json"
        command = [str(python), str(NODE), exchange.url, venue, str(report), str(private)]
        with running(command, tmp_path, "node"):
            wait_for(report.exists, "the last step of the node")
        seen = json.loads(report.read_text())
        assert seen["end"] == "done", seen
        kept = [name for name in seen["events"] if name in set(FUTURES)]
        assert kept == (FUTURES if venue == "usdm" else SPOT)
        assert min(seen["deltas"], seen["trades"], len(seen["prices"])) > 0
        assert abs(exchange.position()) == 0
