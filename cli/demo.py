"""`nocturne demo`: the whole of Nocturne on the bundled real data, from archive files to a traced trade.

The research half runs as a real Prefect flow under a private server; the executor and the sandbox
exchange run as processes of their own and meet over sockets, as they would in production. Everything is
computed as of the first minute of the replayed span, so nothing that is traded was seen before.
"""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    work: Path = typer.Option(
        Path(".work/demo"), help="Where the lake, the ledgers and the report are written."
    ),
    sample: Path = typer.Option(
        Path("data_lake/sample"), help="The bundled market data, or a folder laid out like it."
    ),
    days: int = typer.Option(2, min=1, max=2, help="Days to replay through the executor."),
    fresh: bool = typer.Option(False, "--fresh", help="Forget earlier runs and begin again."),
) -> None:
    """Run the main job end to end on real data; no network, no keys.

    Running it again changes nothing that is already right and takes seconds.

    Example: nocturne demo --days 1
    """
    from cli import demo_run

    demo_run.run(demo_run.Plan(work=work, sample=sample, days=days), fresh=fresh)
