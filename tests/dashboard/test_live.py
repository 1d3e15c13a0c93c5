"""The stream: the whole state first, then only what changed."""

from __future__ import annotations

from pathlib import Path

from dashboard.live import LiveState
from tests.dashboard.ledgers import add_stop, make_ledger, write_status


async def test_a_viewer_gets_the_whole_state_then_what_changed(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    write_status(tmp_path)
    live = LiveState(tmp_path)
    stream = live.follow()
    first = await anext(stream)
    assert set(first["parts"]) == {"executor", "facts", "equity", "positions", "trades", "log"}
    quiet = await anext(stream)
    assert quiet == {"number": first["number"], "parts": {}}
    add_stop(ledger, 1, 99.5)
    changed = await anext(stream)
    assert set(changed["parts"]) == {"positions"}
    assert changed["number"] == first["number"] + 1
    await stream.aclose()  # type: ignore[attr-defined]
    live.close()


async def test_a_torn_status_is_no_status(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    (tmp_path / "status.json").write_text('{"status":')
    live = LiveState(tmp_path)
    parts = (await live.current())["parts"]
    assert parts["executor"]["text"] == "No executor has run here yet."
    live.close()
