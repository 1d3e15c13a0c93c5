"""Entry point of the `nocturne` command: one module per command, imported on use."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from cli import peer_words
from trading.errors import NocturneError, did_you_mean

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("cli.setup.command", "Start a folder of your own: settings, keys, strategies."),
    "demo": ("cli.demo.command", "Run all of Nocturne on the bundled real data."),
    "flow": ("cli.flow", "Run one research flow in this process."),
    "download": ("cli.download", "Download market data into the lake."),
    "import": ("cli.importing", "Import files of market data into the lake."),
    "sql": ("cli.sql.command", "Query the lake in SQL."),
    "search": ("cli.backtesting.search", "Search a strategy's parameters over a candle file."),
    "backtest": ("cli.backtesting.backtest", "Back-test one parameter set over a candle file."),
    "account": (
        "cli.backtesting.account",
        "Simulate several strategies and symbols on one account.",
    ),
    "models": ("cli.models", "Train models, or search their recipes."),
    "probe": ("cli.backtesting.probe", "Probe a strategy for look-ahead and a short warm-up."),
    "strategies": ("cli.strategies.command", "List strategies and their parameters."),
    "release": ("cli.release.command", "List, show, compare and roll back releases."),
    "sandbox": ("cli.sandbox", "Serve the simulated exchange."),
    "paper": ("cli.paper", "Start and stop the market of paper trading."),
    "executor": ("cli.executor.command", "Run, stop and inspect the executor."),
    "ledger": ("cli.ledger.command", "Back up, check and restore the ledger."),
    "doctor": ("cli.doctor.command", "Say what is wrong, and how to mend it."),
    "golive": ("cli.golive.command", "Check what live trading needs, and confirm it."),
    "alerts": ("cli.alerts", "Send a test alert."),
    "dashboard": ("cli.dashboard.command", "Show the executor in a browser."),
    "mcp": ("cli.assistant.command", "Let an assistant read, over the Model Context Protocol."),
    "parity": ("cli.parity", "Compare a day of live trading with its replay."),
    "why": ("cli.why.command", "Explain an order, back to the data it came from."),
}


class LazyGroup(TyperGroup):
    """Import a command's module only when that command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table above."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the click command of ``cmd_name``: the Typer application ``app`` of its module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module_name, summary = COMMANDS[cmd_name]
        command = typer.main.get_command(importlib.import_module(module_name).app)
        command.name = cmd_name
        command.short_help = summary
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; for a name that is none, name the one that was meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            meant = self._meant(ctx, name)
            raise NocturneError(f"No such command '{name}'{meant}; see nocturne --help")
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: Any, name: str) -> str:
        """Return what was meant: freqtrade's word, a command of a group, or one spelt like it."""
        if name in peer_words.COMMANDS:
            return f" (here it is 'nocturne {peer_words.COMMANDS[name]}')"
        groups = [(group, self.get_command(ctx, group)) for group in COMMANDS]
        found = [
            f"'nocturne {group} {name}'"
            for group, command in groups
            if isinstance(command, TyperGroup) and name in command.list_commands(ctx)
        ]
        if found:
            return f" (here it is {' or '.join(found)})"
        return did_you_mean(name, COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Nocturne: research flows at night, a guarded executor by day.\n\n"
    "Example: nocturne search --strategy breakout --candles BTCUSDT.parquet --grid k=0.3:0.8:0.05",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nocturne {version('nocturne')}")
        raise typer.Exit


_VERSION = typer.Option(
    False, "--version", is_eager=True, callback=_print_version, help="Print the version."
)


@app.callback()
def root(version: bool = _VERSION) -> None:
    """Nocturne: research flows at night, a guarded executor by day."""
    del version


INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


def main() -> None:
    """Run the command line: status 0, 1 if the answer is no, 2 for a mistake, 130 for Ctrl-C.

    A user's mistake ends in one sentence.
    """
    try:
        status = app(prog_name="nocturne", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        print("\ninterrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output, `head` for example, has enough: nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except TyperException as error:
        _explain(error)
    except NocturneError as error:
        _refuse(str(error), error)
    except OSError as error:
        if error.filename is None:  # not about a file that the user named
            raise
        _refuse(f"{error.filename}: {error.strerror}", error)
    finally:
        _compile_for_the_next_run()
    sys.exit(status)


def _compile_for_the_next_run() -> None:
    """Start what a first run in plain Python has ordered."""
    if choice := sys.modules.get("cli.compilation.choice"):
        choice.start_ordered()


def _explain(error: TyperException) -> NoReturn:
    """Report a wrong option or command in one sentence; for a bare group, print its help."""
    message = error.format_message()
    if message.startswith("Usage:"):
        print(message, file=sys.stderr)
        raise SystemExit(2)
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "nocturne"
    wrong = getattr(error, "option_name", None)
    if wrong in peer_words.OPTIONS and message.startswith("No such option"):
        message = f"No such option {wrong} (here it is {peer_words.OPTIONS[wrong]})"
    _refuse(f"{' '.join(message.split()).rstrip('.')}; see {where} --help", error)


def _refuse(sentence: str, error: Exception) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2) from error
