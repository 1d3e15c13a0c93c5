"""Who may ask what: sessions, hosts, origins, tokens, and text that is hostile."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from dashboard.controls import HotSettings, result_of
from tests.dashboard.client import PASSWORD, Client, served
from tests.dashboard.ledgers import NASTY

OPEN = {"/login", "/static/{path:path}"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with served(tmp_path) as found:
        yield found


async def test_every_route_but_the_open_ones_is_closed_without_a_login(client: Client) -> None:
    routes = [one for one in client.app.routes if isinstance(one, APIRoute | APIWebSocketRoute)]
    closed = [one for one in routes if one.path not in OPEN]
    assert len(closed) >= 4
    for route in closed:
        if isinstance(route, APIWebSocketRoute):
            assert await client.first_message(client.home) == 4401
            continue
        for method in route.methods:
            path = re.sub(r"\{\w+\}", "trades", route.path)
            status, _, headers = await client.ask(method, path)
            assert (status, headers["location"]) == (303, "/login"), path


async def test_a_login_opens_every_page(client: Client) -> None:
    assert await client.log_in() == 303
    for page in ("", "trades", "research", "control", "log"):
        assert (await client.ask("GET", f"/{page}"))[0] == 200
    assert (await client.ask("GET", "/nothing"))[0] == 404


async def test_the_cookie_is_new_at_each_login_and_out_of_reach_of_scripts(
    client: Client,
) -> None:
    chosen = "chosen-by-somebody-else"
    form = {"password": PASSWORD}
    _, _, headers = await client.ask("POST", "/login", form, cookie=f"nocturne-session={chosen}")
    assert chosen not in headers["set-cookie"]
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=strict" in headers["set-cookie"]
    assert (await client.ask("GET", "/", cookie=f"nocturne-session={chosen}"))[0] != 500


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "127.0.0.1"])
async def test_another_host_name_is_refused(client: Client, host: str) -> None:
    await client.log_in()
    assert (await client.ask("GET", "/", host=host))[0] == 403
    assert (await client.ask("GET", "/"))[0] == 200


@pytest.mark.parametrize("origin", ["-", "null", "http://evil.example", "http://127.0.0.1:1"])
async def test_a_form_of_another_site_is_refused(client: Client, origin: str) -> None:
    assert await client.log_in(origin=origin) == 403
    assert await client.log_in() == 303


async def test_a_web_socket_of_another_site_is_refused(client: Client) -> None:
    await client.log_in()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.first_message("http://evil.example")
    assert refused.value.status == 403
    assert (await client.first_message(client.home))["parts"]["facts"]


async def test_a_form_without_the_token_of_the_session_does_nothing(client: Client) -> None:
    await client.log_in()
    assert (await client.ask("POST", "/logout", {"csrf": "guess"}))[0] == 403
    status, page, _ = await client.ask("GET", "/")
    assert status == 200
    token = page.split('name="csrf" value="')[1].split('"')[0]
    assert (await client.ask("POST", "/logout", {"csrf": token}))[0] == 303
    assert (await client.ask("GET", "/"))[2]["location"] == "/login"


async def test_after_five_wrong_passwords_even_the_right_one_waits(client: Client) -> None:
    assert [await client.log_in("wrong") for _ in range(5)] == [401] * 5
    assert await client.log_in("wrong") == 429
    assert await client.log_in() == 429


async def test_the_headers_allow_only_what_is_ours(client: Client) -> None:
    _, _, headers = await client.ask("GET", "/login")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["%2e%2e%2fpyproject.toml", "vendor/vendor.lock", "__init__.py", "none.js"]
)
async def test_only_styles_and_scripts_of_web_are_served(client: Client, path: str) -> None:
    assert (await client.ask("GET", f"/static/{path}"))[0] == 404
    status, _, headers = await client.ask("GET", "/static/charts/base.js")
    assert status == 200
    assert headers["content-type"].startswith("text/javascript")


async def test_hostile_text_reaches_the_page_only_as_data(client: Client) -> None:
    await client.log_in()
    for page in ("", "trades", "log"):
        assert NASTY not in (await client.ask("GET", f"/{page}"))[1]
    message = await client.first_message(client.home, "trades")
    assert NASTY in message["parts"]["trades"]["rows"][0][1][2]["value"]


async def test_the_trace_of_an_order_is_shown_as_text(client: Client) -> None:
    await client.log_in()
    page = (await client.ask("GET", f"/why/{quote(NASTY, safe='')}"))[1]
    assert NASTY not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 3


async def test_a_report_is_shut_off_from_the_site(client: Client) -> None:
    release = "20250622T000000Z-abcdefgh"
    (client.published / "releases" / release).mkdir(parents=True)
    reports = client.published.parent / "reports"
    reports.mkdir()
    (reports / f"{release}.html").write_text("<script>1</script>")
    await client.log_in()
    status, text, headers = await client.ask("GET", f"/report/{release}")
    assert (status, text) == (200, "<script>1</script>")
    policy = headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    for other in ("20250622T000000Z-abcdefgi", "..%2freports%2f" + release, "current"):
        assert (await client.ask("GET", f"/report/{other}"))[0] == 404


async def test_a_command_needs_the_token_the_origin_and_a_login(client: Client) -> None:
    assert (await client.ask("POST", "/control/pause", {"csrf": "x"}))[2]["location"] == "/login"
    token = await client.token()
    right = {"csrf": token}
    assert (await client.ask("POST", "/control/pause", {}))[0] == 403
    assert (await client.ask("POST", "/control/pause", {"csrf": "guess"}))[0] == 403
    assert (await client.ask("POST", "/control/pause", right, origin="http://evil.example"))[
        0
    ] == 403
    assert (await client.ask("POST", "/control/pause", right, host="evil.example"))[0] == 403
    assert (await client.ask("GET", "/control/pause"))[0] in (404, 405)
    assert client.sent == []
    status, _, headers = await client.ask("POST", "/control/pause", right)
    assert (status, headers["location"]) == (303, "/control")
    assert client.sent == [("pause", {})]


async def test_the_token_of_another_session_is_refused(client: Client) -> None:
    other = await client.token()
    await client.log_in()  # a new session, with a token of its own
    assert (await client.ask("POST", "/control/pause", {"csrf": other}))[0] == 403
    assert client.sent == []


async def test_the_outcome_is_shown_once_and_as_text(client: Client) -> None:
    await client.ask("POST", "/control/pause", {"csrf": await client.token()})
    page = (await client.ask("GET", "/control"))[1]
    assert "Entries are off: paused &lt;img" in page
    assert NASTY not in page
    assert "Entries are off" not in (await client.ask("GET", "/control"))[1]


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        *(("flatten", ""), ("flatten", "STOP"), ("stop", "flatten"), ("resume", "")),
        *(("set", ""), ("set", "SET"), ("unset", ""), ("set", "CHANGE"), ("unset", "CHANGE")),
        *(("close", ""), ("close", "ETHUSDT"), ("freeze", ""), ("settings", ""), ("nonsense", "")),
    ],
)
async def test_without_the_word_nothing_is_done(client: Client, command: str, typed: str) -> None:
    form = {"csrf": await client.token(), "typed": typed, "symbol": "BTCUSDT.binance_usdm"}
    assert (await client.ask("POST", f"/control/{command}", form))[0] == 303
    assert client.sent == []
    assert "Not done" in (await client.ask("GET", "/control"))[1]


@pytest.mark.parametrize(
    ("command", "typed", "arguments"),
    [
        ("flatten", "flatten", {}),
        ("stop", " STOP ", {}),
        ("resume", "RESUME", {}),
        ("close", "BTCUSDT", {"symbol": "BTCUSDT.binance_usdm"}),
        ("strategy", "", {"strategy": "breakout", "state": "off"}),
        ("reload", "", {}),
        ("set", "change", {"setting": "risk.daily_loss_limit", "value": "0.03"}),
        ("unset", "CHANGE", {"setting": "risk.daily_loss_limit"}),
    ],
)
async def test_with_the_word_the_command_goes_out_once(
    client: Client, command: str, typed: str, arguments: dict[str, str]
) -> None:
    await client.ask(
        "POST", f"/control/{command}", {"csrf": await client.token(), "typed": typed, **arguments}
    )
    assert client.sent == [(command, arguments)]


async def test_no_page_and_no_address_shows_the_session(client: Client) -> None:
    await client.log_in()
    for page in ("", "trades", "research", "control", "log"):
        _, text, headers = await client.ask("GET", f"/{page}")
        assert client.cookie not in text + headers.get("location", "")


async def test_a_reload_says_what_was_taken_over_and_the_page_what_holds_now(
    client: Client,
) -> None:
    await client.ask("POST", "/control/reload", {"csrf": await client.token()})
    page = (await client.ask("GET", "/control"))[1]
    assert "Taken over: risk.balance_share 0.10 → 0.05." in page
    assert "risk.daily_loss_limit" in page
    assert "0.06" in page
    assert NASTY not in page


async def test_a_changed_setting_can_be_undone_from_the_page(client: Client) -> None:
    await client.token()
    page = (await client.ask("GET", "/control"))[1]
    undo = page.partition('action="/control/unset"')[2].partition("</form>")[0]
    assert 'name="setting" value="strategies.off"' in undo
    assert "Type <b>CHANGE</b>" in undo
    assert NASTY not in page


async def test_the_controls_do_not_wait_for_an_executor_that_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), []

    def hangs(control: object) -> HotSettings:
        asked.append(control)
        answers.wait()
        return HotSettings({"risk.balance_share": "0.10"})

    monkeypatch.setattr("dashboard.controls.settings_in_force", hangs)
    monkeypatch.setattr("dashboard.controls.WITHIN_S", 0.02)
    await client.log_in()
    try:
        for _ in range(3):
            page = (await client.ask("GET", "/control"))[1]
            assert "Close everything" in page
            assert "what holds now is not known" in page
    finally:
        answers.set()
    assert len(asked) == 1, "the one that hangs is not asked again"


def test_a_refused_reload_says_why() -> None:
    result = result_of("reload", {}, {"error": "a change of mode needs a restart"})
    assert (result.tone, result.text) == ("bad", "reload: a change of mode needs a restart")
    assert result_of("reload", {}, {"changed": {}}).text == "The settings are as they were."
