"""The unit of the dashboard: hardened, and reachable from this machine only."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "config" / "systemd" / "nocturne-dashboard.service"


def test_the_unit_is_hardened_and_listens_to_this_machine_only() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
    ):
        assert line in lines
