"""Each guard with its twin: the same attack is refused with it, and succeeds once it is removed."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from fastapi.routing import APIRoute

import dashboard.app
from dashboard.access import guard, sessions
from dashboard.access.sessions import IDLE_S, LONGEST_S, Sessions
from dashboard.access.throttle import Throttle
from tests.dashboard.client import PASSWORD, Client, served
from tests.dashboard.ledgers import NASTY

EVIL = "http://evil.example"


class Clock:
    """A clock that an attack moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Victim:
    """The dashboard that is attacked, its clock, and what it logged."""

    client: Client
    clock: Clock
    logged: Callable[[], str]


Attack = Callable[[Victim], Awaitable[bool]]
Removal = Callable[[pytest.MonkeyPatch], None]


async def form_without_token(victim: Victim) -> bool:
    await victim.client.log_in()
    await victim.client.ask("POST", "/control/pause", {"csrf": "guess"})
    return bool(victim.client.sent)


async def form_of_another_site(victim: Victim) -> bool:
    token = await victim.client.token()
    await victim.client.ask("POST", "/control/pause", {"csrf": token}, origin=EVIL)
    return bool(victim.client.sent)


async def socket_of_another_site(victim: Victim) -> bool:
    await victim.client.log_in()
    try:
        return isinstance(await victim.client.first_message(EVIL), dict)
    except aiohttp.WSServerHandshakeError:
        return False


async def name_bound_to_this_address(victim: Victim) -> bool:
    await victim.client.log_in()
    return (await victim.client.ask("GET", "/", host="evil.example"))[0] == 200


async def idle_session(victim: Victim) -> bool:
    await victim.client.log_in()
    victim.clock.now += IDLE_S + 1
    return (await victim.client.ask("GET", "/"))[0] == 200


async def old_session(victim: Victim) -> bool:
    await victim.client.log_in()
    end = victim.clock.now + LONGEST_S
    while victim.clock.now <= end:
        victim.clock.now += IDLE_S / 2
        answer = (await victim.client.ask("GET", "/"))[0]
    return answer == 200


async def session_chosen_by_another(victim: Victim) -> bool:
    planted = "planted-by-somebody-else"
    form, cookie = {"password": PASSWORD}, f"nocturne-session={planted}"
    await victim.client.ask("POST", "/login", form, cookie=cookie)
    victim.client.http.cookie_jar.clear()
    return (await victim.client.ask("GET", "/", cookie=cookie))[0] == 200


async def session_before_the_login(victim: Victim) -> bool:
    await victim.client.log_in()
    earlier = f"nocturne-session={victim.client.cookie}"
    await victim.client.log_in()
    victim.client.http.cookie_jar.clear()
    return (await victim.client.ask("GET", "/", cookie=earlier))[0] == 200


async def guessing(victim: Victim) -> bool:
    for _ in range(5):
        await victim.client.log_in("wrong")
    return await victim.client.log_in() == 303


async def guessing_at_once(victim: Victim) -> bool:
    """Many guesses that were all sent before the first was found wrong."""
    found = await asyncio.gather(*(victim.client.log_in("wrong") for _ in range(12)))
    return found.count(401) > 5


async def script_in_texts(victim: Victim) -> bool:
    """Strategy, answer of the executor, trace of an order."""
    client = victim.client
    await client.ask("POST", "/control/pause", {"csrf": await client.token()})
    pages = [(await client.ask("GET", path))[1] for path in ("/control", "/why/x")]
    return any(NASTY in page for page in pages)


async def token_in_addresses_or_logs(victim: Victim) -> bool:
    client = victim.client
    token = await client.token()
    secrets = (token, client.cookie, PASSWORD)
    said = [victim.logged()]
    for path in ("", "trades", "research", "control", "log"):
        _, text, headers = await client.ask("GET", f"/{path}")
        said += re.findall(r'(?:href|src|action)="([^"]*)"', text)
        said.append(headers.get("location", ""))
    await client.first_message(client.home)
    said += [(await client.ask("POST", "/control/pause", {"csrf": token}))[2]["location"]]
    said += [(await client.ask("POST", "/logout", {"csrf": token}))[2]["location"]]
    said.append(victim.logged())
    return any(secret in text for secret in secrets for text in said)


async def no_login(victim: Victim) -> bool:
    """Any page or command that answers without a session."""
    for route in victim.client.app.routes:
        if isinstance(route, APIRoute) and route.path not in ("/login", "/static/{path:path}"):
            path = re.sub(r"\{\w+\}", "trades", route.path)
            for method in route.methods:
                status, _, headers = await victim.client.ask(method, path)
                if (status, headers.get("location")) != (303, "/login"):
                    return True
    return False


async def no_login_at_the_socket(victim: Victim) -> bool:
    return isinstance(await victim.client.first_message(victim.client.home), dict)


def _patch(target: object, name: str, value: object) -> Removal:
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def _without_escaping(monkeypatch: pytest.MonkeyPatch) -> None:
    made = dashboard.app.jinja2.Environment

    def environment(**given: object) -> object:
        return made(**{**given, "autoescape": False})  # type: ignore[arg-type]

    monkeypatch.setattr(dashboard.app.jinja2, "Environment", environment)


def _with_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Sessions.begin

    def noisy(self: Sessions) -> str:
        identifier = begin(self)
        logging.getLogger("dashboard").warning("new session %s", identifier)
        return identifier

    monkeypatch.setattr(Sessions, "begin", noisy)


def _let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything pass, as the session of somebody."""
    session = sessions.LoginSession("token", 0.0, 0.0)

    def pass_all(self: object, scope: dict[str, object]) -> bool:
        del self
        scope["session"] = session
        return True

    monkeypatch.setattr(guard.Guard, "_may_pass", pass_all)
    monkeypatch.setattr(Sessions, "find", lambda *_: session)


ATTACKS: dict[str, tuple[Attack, Removal]] = {
    "CSRF": (form_without_token, _patch(dashboard.app, "same", lambda *_: True)),
    "origin of a form": (
        form_of_another_site,
        _patch(guard, "is_foreign_origin", lambda *_: False),
    ),
    "origin of a socket": (
        socket_of_another_site,
        _patch(guard, "is_foreign_origin", lambda *_: False),
    ),
    "host": (
        name_bound_to_this_address,
        _patch(guard, "is_foreign_host", lambda *_: False),
    ),
    "idle session": (idle_session, _patch(sessions, "IDLE_S", 1e9)),
    "old session": (old_session, _patch(sessions, "LONGEST_S", 1e9)),
    "fixation": (
        session_chosen_by_another,
        _patch(sessions.secrets, "token_urlsafe", lambda _: "planted-by-somebody-else"),
    ),
    "rotation": (session_before_the_login, _patch(Sessions, "end", lambda *_: None)),
    "throttle": (guessing, _patch(Throttle, "failed", lambda *_: None)),
    "throttle, at once": (guessing_at_once, _patch(Throttle, "wait_s", lambda *_: 0.0)),
    "XSS": (script_in_texts, _without_escaping),
    "token in a URL or log": (token_in_addresses_or_logs, _with_a_log_line),
    "login": (no_login, _let_in),
    "login at the socket": (no_login_at_the_socket, _let_in),
}


async def succeeds(attack: Attack, folder: Path, caplog: pytest.LogCaptureFixture) -> bool:
    clock = Clock()
    with caplog.at_level(logging.DEBUG):
        async with served(folder, clock) as client:
            return await attack(Victim(client, clock, lambda: caplog.text))


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_attack_is_refused(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await succeeds(ATTACKS[name][0], tmp_path, caplog)


@pytest.mark.parametrize("name", ATTACKS)
async def test_without_its_guard_the_attack_succeeds(
    name: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack, remove = ATTACKS[name]
    remove(monkeypatch)
    assert await succeeds(attack, tmp_path, caplog)
