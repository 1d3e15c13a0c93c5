"""What an operator may do from the page: each command with its words and its confirmation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from dashboard.executor_feed import Control
from trading.errors import NocturneError


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """A command of the control socket as the page offers it."""

    command: str
    label: str
    text: str
    word: str = ""
    """What must be typed before it is done; empty where it only tightens or is easily undone."""


ACTIONS: tuple[OperatorAction, ...] = (
    OperatorAction(
        "pause",
        "Pause entries",
        "No new entries, restarts included; open positions stay protected.",
    ),
    OperatorAction(
        "reduce", "Reduce only", "Send nothing that opens a position or makes one larger."
    ),
    OperatorAction("resume", "Resume", "Lift every halt: entries are on again.", "RESUME"),
    OperatorAction(
        "sync", "Compare now", "Compare positions, orders and balance with the exchange."
    ),
    OperatorAction(
        "flatten",
        "Close everything",
        "Close every position at market, later fills included, until you resume.",
        "FLATTEN",
    ),
    OperatorAction(
        "stop",
        "Stop the executor",
        "End the process cleanly: protective orders stay at the exchange, nothing moves them.",
        "STOP",
    ),
)
RELOAD = OperatorAction(
    "reload",
    "Reload settings",
    "Read the settings file again: what can change without a restart is taken over, or the whole"
    " file is refused with the reason.",
)
CHANGE_WORD = "CHANGE"
"""What must be typed before a setting changes: it may widen a limit."""
WITHIN_S = 3.0
"""How long the page with the controls waits for the settings: its reader may be in a hurry."""
BY_COMMAND = {action.command: action for action in (*ACTIONS, RELOAD)}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command led to, for the next page."""

    tone: str
    text: str


def perform(control: Control | None, command: str, form: Mapping[str, str]) -> CommandResult:
    """Check a form and send its command; every refusal says what to do instead."""
    if control is None:
        return CommandResult("bad", "Not done: this dashboard cannot reach an executor.")
    typed = form.get("typed", "").strip()
    arguments: dict[str, str] = {}
    if command == "close":
        arguments["symbol"] = symbol = form.get("symbol", "")
        if not symbol or typed.casefold() not in (
            symbol.casefold(),
            symbol.split(".")[0].casefold(),
        ):
            return CommandResult(
                "bad", f"Not done: type {symbol.split('.')[0] or 'the symbol'} to close it."
            )
    elif command == "strategy":
        arguments = {name: form.get(name, "") for name in ("strategy", "state")}
        if arguments["state"] not in ("on", "off") or not arguments["strategy"]:
            return CommandResult("bad", "Not done: choose a strategy, and on or off.")
    elif command in ("set", "unset"):
        given = ("setting", "value") if command == "set" else ("setting",)
        arguments = {name: form.get(name, "").strip() for name in given}
        if not all(arguments.values()):
            return CommandResult("bad", "Not done: choose a setting and give its value.")
        if typed.casefold() != CHANGE_WORD.casefold():
            return CommandResult("bad", f"Not done: type {CHANGE_WORD} to confirm.")
    else:
        action = BY_COMMAND.get(command)
        if action is None:
            return CommandResult("bad", "Not done: there is no such command.")
        if typed.casefold() != action.word.casefold():
            return CommandResult("bad", f"Not done: type {action.word} to confirm.")
    try:
        answer = control(command, arguments)
    except NocturneError as error:
        return CommandResult("bad", f"No answer: {error}.")
    return result_of(command, arguments, answer)


def result_of(
    command: str, arguments: Mapping[str, str], answer: Mapping[str, Any]
) -> CommandResult:
    """Say in a sentence what the executor answered."""
    if "error" in answer:
        return CommandResult("bad", f"{command}: {answer['error']}")
    match command:
        case "close":
            return CommandResult("good", f"Closed: {answer.get('closed', arguments['symbol'])}.")
        case "flatten":
            left = ", ".join(map(str, answer.get("positions") or ()))
            if answer.get("flat"):
                return CommandResult(
                    "good", "Flat: the exchange shows no position. Entries stay off."
                )
            return CommandResult("bad", f"Not flat: the exchange still shows {left}.")
        case "stop":
            return CommandResult("warn", "Stopping: protective orders stay at the exchange.")
        case "sync":
            return CommandResult("good", "Compared with the exchange.")
        case "reload" | "set" | "unset":
            changed = answer.get("changed") or {}
            said = "; ".join(f"{name} {old} → {new}" for name, (old, new) in changed.items())
            text = f"Taken over: {said}." if said else "The settings are as they were."
            return CommandResult("good", text)
        case "strategy":
            return CommandResult("good", f"{arguments['strategy']} is {arguments['state']}.")
        case _:
            entries = "on" if answer.get("entries") else f"off: {answer.get('why')}"
            return CommandResult(
                "good" if answer.get("entries") else "warn", f"Entries are {entries}."
            )


@dataclass(frozen=True, slots=True)
class HotSettings:
    """What can change without a restart; empty where the executor does not say."""

    in_force: Mapping[str, str] = field(default_factory=dict)
    """Each value by the dotted name of its setting."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Those that a command changed, which it can undo."""


def settings_in_force(control: Control | None) -> HotSettings:
    """Ask the executor for the settings that a reload takes over."""
    if control is None:
        return HotSettings()
    try:
        answer = control("settings", {})
    except NocturneError:
        return HotSettings()
    in_force, changed = (_texts(answer.get(name)) for name in ("settings", "changed"))
    return HotSettings(in_force, changed)


def _texts(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {str(name): str(text) for name, text in found.items()}


class SettingsReader:
    """Reads the settings in force for a page that does not wait for an executor that hangs."""

    def __init__(self, control: Control | None) -> None:
        self._control = control
        # An executor that hangs holds this thread, and none of those that serve pages.
        self._thread = ThreadPoolExecutor(1, "settings")
        self._reading: Future[HotSettings] | None = None

    async def read(self) -> HotSettings:
        """Return the settings; none where the executor does not say them soon enough."""
        if self._reading is None or self._reading.done():
            self._reading = self._thread.submit(settings_in_force, self._control)
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asyncio.shield(asyncio.wrap_future(self._reading))
        except TimeoutError:
            return HotSettings()

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
