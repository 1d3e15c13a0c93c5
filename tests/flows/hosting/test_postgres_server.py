"""Prefect's server on PostgreSQL, as `docs/flows.md` says: by one variable."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import psycopg
import pytest

from flows.hosting import server_process
from tests.postgres import Server

WAIT_S = 60.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_server_keeps_its_runs_in_the_postgresql_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "START_TIMEOUT_S", 300.0)
    with Server.running() as postgres, postgres.database() as database:
        url = database.url.replace("postgresql://", "postgresql+asyncpg://", 1)
        monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)
        with server_process.server(tmp_path / "prefect") as api:
            body = json.dumps({"name": "kept in PostgreSQL"}).encode()
            request = urllib.request.Request(
                f"{api}/flows/", data=body, headers={"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                assert answer.status == 201
        with psycopg.connect(database.url) as session:
            assert session.execute("select name from flow").fetchall() == [("kept in PostgreSQL",)]
