"""The statements that make every table of the lake a view of DuckDB.

Two names exist in two layers: ``candles`` is the checked table (``raw_candles`` the raw one), and
``equity`` is the ledger's (``research_equity`` holds that of back-tests). ``instruments`` holds the
newest row of each instrument, ``instruments_history`` all of them. ``releases`` comes from the
manifests: one row per release, strategy and symbol. ``refusals`` has one for each of their gates
that refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lake.content import LONGEST_MONTH_MS, MONTH
from lake.partitions import iso
from lake.store import FILE_NAME, Lake
from lake.tables import RAW_INSTRUMENTS, TABLES, Table
from trading.errors import DataError

_SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("ms", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}
# Milliseconds of an interval's name: a candle counts once it has closed.
_INTERVAL_MS = (
    f"case when \"interval\" = '{MONTH}' then {LONGEST_MONTH_MS} else "
    'try_cast(left("interval", -1) as bigint) * case right("interval", 1) when \'s\' then 1000'
    " when 'm' then 60000 when 'h' then 3600000 when 'd' then 86400000 when 'w' then 604800000 end"
    " end"
)
_NEWEST_INSTRUMENTS = (
    "SELECT * FROM instruments_history "
    "QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY time DESC) = 1"
)
# `lake.releases` names them; importing it would load every strategy.
_RELEASES, _MANIFEST = "releases", "manifest.json"
_RELEASE = "[0-9]*"  # a folder whose name starts otherwise is still being written
_MOMENT = ('"VARCHAR"', "TIMESTAMP WITH TIME ZONE")
_ENTRY = {
    "venue": "VARCHAR",
    "strategy": "VARCHAR",
    "symbol": "VARCHAR",
    "proven": "BOOLEAN",
    "params": "JSON",
    "in_sample": "JSON",
    "out_of_sample": "JSON",
    "verdicts": [
        {
            "name": "VARCHAR",
            "passed": "BOOLEAN",
            "value": "DOUBLE",
            "threshold": "DOUBLE",
            "text": "VARCHAR",
        }
    ],
    "evidence": dict.fromkeys(("hypothesis", "state", "reason"), "VARCHAR") | {"e_value": "DOUBLE"},
}
# The structure of each field for from_json, and the type of its column.
_MANIFEST_FIELDS = {
    "release_id": ('"VARCHAR"', "VARCHAR"),
    "as_of": _MOMENT,
    "published_at": _MOMENT,
    "replaced": ('"VARCHAR"', "VARCHAR"),
    "flow_run": ('{"name": "VARCHAR"}', "STRUCT(name VARCHAR)"),
    "strategies": (
        json.dumps([_ENTRY]),
        "STRUCT(venue VARCHAR, strategy VARCHAR, symbol VARCHAR, proven BOOLEAN, params JSON, "
        "in_sample JSON, out_of_sample JSON, "
        "verdicts STRUCT(name VARCHAR, passed BOOLEAN, value DOUBLE, threshold DOUBLE, "
        "text VARCHAR)[], "
        "evidence STRUCT(hypothesis VARCHAR, state VARCHAR, reason VARCHAR, e_value DOUBLE))[]",
    ),
}
_MEASURES = ("total_return", "trades", "win_rate", "profit_factor", "sharpe", "max_drawdown")
_RELEASE_COLUMNS = {
    "release_id": ("VARCHAR", "release_id"),
    "as_of": ("TIMESTAMP WITH TIME ZONE", "as_of"),
    "published_at": ("TIMESTAMP WITH TIME ZONE", "published_at"),
    "flow": ("VARCHAR", "flow_run.name"),
    "replaced": ("VARCHAR", "replaced"),
    "venue": ("VARCHAR", "entry.venue"),
    "strategy": ("VARCHAR", "entry.strategy"),
    "symbol": ("VARCHAR", "entry.symbol"),
    "proven": ("BOOLEAN", "entry.proven"),
    "state": (
        "VARCHAR",
        "CASE WHEN entry.proven THEN coalesce(entry.evidence.state, 'proven') ELSE 'unproven' END",
    ),
    "hypothesis": ("VARCHAR", "entry.evidence.hypothesis"),
    "e_value": ("DOUBLE", "entry.evidence.e_value"),
    "reason": ("VARCHAR", "entry.evidence.reason"),
    **{name: ("DOUBLE", f"entry.out_of_sample->>'{name}'") for name in _MEASURES},
    "gates": ("BIGINT", "len(entry.verdicts)"),
    "failed": ("VARCHAR[]", "[v.name for v in entry.verdicts if not v.passed]"),
    "verdicts": ("VARCHAR[]", "[v.text for v in entry.verdicts]"),
    "params": ("VARCHAR", "entry.params"),
    "in_sample": ("VARCHAR", "entry.in_sample"),
    "out_of_sample": ("VARCHAR", "entry.out_of_sample"),
}
"""Columns of ``releases``: the type, and the expression; the measures are out-of-sample."""
_REFUSAL_COLUMNS = {
    **{
        name: _RELEASE_COLUMNS[name]
        for name in ("release_id", "as_of", "venue", "strategy", "symbol", "hypothesis")
    },
    "gate": ("VARCHAR", "verdict.name"),
    "figure": ("DOUBLE", "verdict.value"),
    "required": ("DOUBLE", "verdict.threshold"),
    "sentence": ("VARCHAR", "verdict.text"),
}
"""Columns of ``refusals``: which gate refused a set, with which figure, and what passes."""


def view_statements(lake: Lake, as_of: datetime | None = None) -> list[str]:
    """Return the CREATE VIEW statements, which the plain ``duckdb`` command line accepts too.

    Their paths are absolute, so they work from any folder.
    """
    if not lake.root.is_dir():
        raise DataError(
            f"the lake {lake.root} does not exist; run `nocturne demo`, import into it, "
            "or name another one with --lake"
        )
    selects = {table.view: _select(lake, table, as_of) for table in TABLES.values()}
    selects["instruments_history"] = selects[RAW_INSTRUMENTS.view]
    selects[RAW_INSTRUMENTS.view] = _NEWEST_INSTRUMENTS
    selects["releases"] = _releases(lake, as_of, _RELEASE_COLUMNS)
    selects["refusals"] = _releases(lake, as_of, _REFUSAL_COLUMNS)
    # A view on a view comes last.
    names = sorted(selects, key=lambda name: name == RAW_INSTRUMENTS.view)
    return [f"CREATE OR REPLACE VIEW {name} AS {selects[name]}" for name in names]


def init_script(lake: Lake, as_of: datetime | None = None) -> str:
    """Return what ``duckdb -init FILE`` runs to see every table as a view."""
    lines = ["SET TimeZone = 'UTC'", *view_statements(lake, as_of)]
    return "".join(f"{line};\n" for line in lines)


def _select(lake: Lake, table: Table, as_of: datetime | None) -> str:
    folder = lake.root.resolve() / table.layer / table.name
    depth = "/".join("*" for _ in table.partition)
    if not next(folder.glob(f"{depth}/{FILE_NAME}"), None):
        return f"SELECT {_empty_columns(table)} WHERE false"
    types = ", ".join(f"{_quoted(name)}: VARCHAR" for name in table.partition)
    source = (
        f"read_parquet({_text(f'{_pattern(folder)}/{depth}/{FILE_NAME}')}, "
        f"hive_partitioning = true, hive_types = {{{types}}}, "
        f"union_by_name = {str(table.extra != 'none').lower()})"
    )
    condition = "" if as_of is None else f" WHERE {_known(table, as_of)}"
    return f"SELECT * FROM {_completed(table, source)}{condition}"


def _completed(table: Table, source: str) -> str:
    """Return ``source`` with the columns that older files lack."""
    if not table.fallbacks:
        return source
    kinds = {name: (_SQL_TYPES[table.schema.field(name).type], "") for name in table.fallbacks}
    filled = {
        name: fallback.column or _text(fallback.value or "")
        for name, fallback in table.fallbacks.items()
        if fallback.column or fallback.value is not None
    }
    replaced = ", ".join(
        f"coalesce({_quoted(name)}, {value}) AS {_quoted(name)}" for name, value in filled.items()
    )
    return (
        f"(SELECT * REPLACE ({replaced}) FROM (SELECT * FROM {source}"
        f" UNION ALL BY NAME SELECT {_nulls(kinds)} WHERE false))"
    )


def _releases(lake: Lake, as_of: datetime | None, wanted: Mapping[str, tuple[str, str]]) -> str:
    """Return the ``wanted`` columns of all manifests: a row a set, or one a refusing gate."""
    manifests = lake.published.resolve() / _RELEASES
    if not next(manifests.glob(f"{_RELEASE}/{_MANIFEST}"), None):
        return f"SELECT {_nulls(wanted)} WHERE false"
    # As bytes, not by read_json: one torn manifest must not hide the other releases.
    texts = (
        "SELECT TRY(decode(content)) AS text FROM "
        f"read_blob({_text(f'{_pattern(manifests)}/{_RELEASE}/{_MANIFEST}')})"
    )
    fields = ", ".join(
        f"TRY_CAST(TRY(from_json(text->'$.{name}', {_text(kind)})) AS {cast}) AS {name}"
        for name, (kind, cast) in _MANIFEST_FIELDS.items()
    )
    source = f"(SELECT {fields} FROM ({texts}) WHERE TRY(json_valid(text)))"
    columns = ", ".join(
        f"CAST({expression} AS {kind}) AS {name}" for name, (kind, expression) in wanted.items()
    )
    known = "" if as_of is None else f" WHERE as_of <= TIMESTAMPTZ {_text(iso(as_of))}"
    sets = f"(SELECT *, unnest(strategies) AS entry FROM {source}{known})"
    if wanted is _RELEASE_COLUMNS:
        return f"SELECT {columns} FROM {sets}"
    gates = f"(SELECT *, unnest(entry.verdicts) AS verdict FROM {sets})"
    return f"SELECT {columns} FROM {gates} WHERE NOT verdict.passed"


def _known(table: Table, as_of: datetime) -> str:
    moment = f"TIMESTAMPTZ {_text(iso(as_of))}"
    if table.known == "before":
        return f"{_quoted(table.time)} < {moment}"
    if table.known == "upto":
        return f"{_quoted(table.time)} <= {moment}"
    # The first comparison prunes row groups; the second is exact.
    return (
        f"{_quoted(table.time)} < {moment} AND "
        f"epoch_ms({_quoted(table.time)}) + {_INTERVAL_MS} <= epoch_ms({moment})"
    )


def _empty_columns(table: Table) -> str:
    columns = [(field.name, _SQL_TYPES[field.type]) for field in table.schema]
    columns += [(name, "VARCHAR") for name in table.partition]
    return ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(name)}" for name, kind in columns)


def _nulls(columns: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, (kind, _) in columns.items())


def _pattern(folder: Path) -> str:
    """Quote a path for DuckDB, whose glob patterns have no escape character but brackets."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in folder.as_posix())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
