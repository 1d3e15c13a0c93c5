"""The limits of SQL for whoever is not trusted with the machine."""

from __future__ import annotations

from pathlib import Path

from cli.assistant.guarded_sql import guarded_query


def test_a_statement_that_needs_more_memory_writes_no_file(tmp_path: Path) -> None:
    found = guarded_query(tmp_path, "select current_setting('temp_directory') as folder")
    assert found["rows"] == [{"folder": ""}]
