"""The user interface asks the API of its own server, on any port and beside any other server."""

from __future__ import annotations

import os

import pytest
from prefect.settings.models.root import Settings

from flows.hosting import background, local, server

PORTS = (80, 1024, 4199, 4200, 4201, 4300, 8080, 32_768, 65_535)
BESIDE = {
    "nothing": {},
    "the address of another server": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
    "the cloud": {"PREFECT_API_URL": "https://api.prefect.cloud/api/accounts/a/workspaces/b"},
    "another port of Prefect's": {"PREFECT_SERVER_API_PORT": "4201"},
    "another host of Prefect's": {"PREFECT_SERVER_API_HOST": "0.0.0.0"},
}


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a test writes into the environment; begin without the user's words."""
    for name in ("PREFECT_UI_API_URL", "PREFECT_SERVER_UI_API_URL", "PREFECT_UI_URL"):
        monkeypatch.setenv(name, "")
        del os.environ[name]


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("beside", BESIDE)
def test_the_page_gets_the_port_of_its_own_server(
    monkeypatch: pytest.MonkeyPatch, port: int, beside: str
) -> None:
    for name, value in BESIDE[beside].items():
        monkeypatch.setenv(name, value)
    server.name_address(f"http://127.0.0.1:{port}")
    found = Settings()
    assert found.server.ui.api_url == f"http://127.0.0.1:{port}/api"
    assert str(found.ui_url) == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("name", ["PREFECT_UI_API_URL", "PREFECT_SERVER_UI_API_URL"])
def test_a_user_behind_a_proxy_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "https://flows.example/api")
    server.name_address("http://127.0.0.1:4300")
    assert Settings().server.ui.api_url == "https://flows.example/api"


@pytest.mark.parametrize("command", ["up", "deploy"])
@pytest.mark.parametrize("port", ["70000", "65536", "-1", "0", "abc", "4300.5", "", "４３００"])
def test_what_is_no_port_is_refused_before_anything_starts(
    command: str,
    port: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(background, command, lambda *_: pytest.fail("it was started"))
    with pytest.raises(SystemExit) as ended:
        local.main([command, f"--port={port}"])
    assert ended.value.code == 2
    assert f"'{port}' is no port; give a number from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("port", PORTS)
def test_a_port_is_taken_as_it_is_given(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    taken: list[int] = []
    monkeypatch.setattr(background, "up", lambda _home, given: taken.append(given) or 0)
    assert local.main(["up", "--port", str(port)]) == 0
    assert taken == [port]
