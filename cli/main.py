"""Entry point of the `nocturne` command: one module per command, imported on use."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from trading.errors import NocturneError

COMMANDS: dict[str, tuple[str, str]] = {
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
    "probe": ("cli.backtesting.probe", "Probe a strategy for look-ahead and a short warm-up."),
    "strategies": ("cli.strategies.command", "List strategies and their parameters."),
    "release": ("cli.release.command", "List, show, compare and roll back releases."),
    "sandbox": ("cli.sandbox", "Serve the simulated exchange."),
    "paper": ("cli.paper", "Start and stop the market of paper trading."),
    "executor": ("cli.executor", "Run, stop and inspect the executor."),
    "dashboard": ("cli.dashboard", "Show the executor in a browser."),
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

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Nocturne: research flows at night, a guarded executor by day.\n\n"
    "Example: nocturne search --strategy breakout --candles BTCUSDT.parquet --grid k=0.3:0.8:0.05",
)


@app.callback()
def root() -> None:
    """Nocturne: research flows at night, a guarded executor by day."""


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and status 2."""
    try:
        status = app(prog_name="nocturne", standalone_mode=False)
    except TyperException as error:
        _explain(error)
    except NocturneError as error:
        _refuse(str(error), error)
    except OSError as error:
        if error.filename is None:  # not about a file that the user named
            raise
        _refuse(f"{error.filename}: {error.strerror}", error)
    sys.exit(status)


def _explain(error: TyperException) -> NoReturn:
    """Report a wrong option or command in one sentence; for a bare group, print its help."""
    message = error.format_message()
    if message.startswith("Usage:"):
        print(message, file=sys.stderr)
        raise SystemExit(2)
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "nocturne"
    _refuse(f"{' '.join(message.split()).rstrip('.')}; see {where} --help", error)


def _refuse(sentence: str, error: Exception) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2) from error
