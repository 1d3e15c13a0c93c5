"""`nocturne demo`: all of Nocturne on the bundled data, from archive files to a traced trade."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    work: Path = typer.Option(
        Path(".work/demo"), help="Where the lake, the ledgers and the report are written."
    ),
    sample: Path = typer.Option(
        None, help="A folder laid out like the bundled market data, which is the default."
    ),
    venues: str = typer.Option(
        "binance_usdm", help="Venues to trade at, separated by commas: binance_usdm, binance_spot."
    ),
    serve: bool = typer.Option(
        False, "--serve", help="Leave the dashboard open on the replayed day until Ctrl-C."
    ),
    fresh: bool = typer.Option(False, "--fresh", help="Forget earlier runs and start again."),
) -> None:
    """Run the main job end to end on real data; no network, no keys.

    Running it again takes seconds and repeats no finished work.

    Example: nocturne demo --serve
    """
    from cli.demo.plan import SAMPLE, DemoPlan, chosen_venues
    from cli.demo.run import run

    try:
        plan = DemoPlan(work.resolve(), (sample or SAMPLE).resolve(), venues=chosen_venues(venues))
        run(plan, fresh=fresh)
        if serve:
            from cli.demo.serve import serve_day

            serve_day(plan)
    except KeyboardInterrupt as interruption:
        typer.echo("\nInterrupted; run it again to continue.", err=True)
        raise typer.Exit(130) from interruption
