"""A release as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lake.partitions import iso
from lake.releases import Universe, read_ensemble, read_universe

if TYPE_CHECKING:
    from lake.releases import Ensemble, Release, StrategyEntry

INDENT = 16
"""Columns before a value."""


def describe(release: Release) -> str:
    """Describe a release: validity, strategies, allocation, universe, files and data."""
    return "\n".join(_lines(release))


def _lines(release: Release) -> Iterator[str]:
    made = release.manifest
    yield f"release {release.release_id} ({'proven' if release.proven else 'unproven'})"
    yield f"  as of         {iso(made.as_of)}, published {iso(made.published_at)}"
    yield f"  flow run      {made.flow_run.name} {made.flow_run.id}"
    yield f"  git commit    {made.git_commit or '-'}, nocturne {made.version or '-'}"
    yield f"  replaced      {made.replaced or '-'}"
    for kind in release.kinds:
        origin = {str(k): carried.release_id for k, carried in made.carried.items()}.get(kind)
        source = f", carried over from {origin}" if origin else ""
        yield f"  {kind:<13} valid until {iso(release.valid_until[kind])}{source}"
    for entry in made.strategies:
        yield from _strategy(entry)
    yield from _ensemble(read_ensemble(release))
    yield from _universe(read_universe(release))
    for item in made.left_out:
        yield f"left out {item.symbol}: {item.reason}"
    for file in made.files:
        yield f"file {file.path} ({file.kind}) sha256 {file.sha256}"
    for ref in release.fingerprint:
        last = f", last {iso(ref.last)}" if ref.last else ""
        yield f"read {ref.path}: {ref.rows} rows{last}, sha256 {ref.sha256}"


def _strategy(entry: StrategyEntry) -> Iterator[str]:
    yield f"{entry.strategy} {entry.symbol} ({entry.state})"
    if entry.evidence is not None:
        yield f"  evidence      {entry.evidence.hypothesis}: {entry.evidence.sentence}"
    yield f"  parameters    {_pairs(entry.params)}"
    if entry.in_sample:
        yield f"  in sample     {_measures(entry.in_sample)}"
    if entry.out_of_sample:
        yield f"  out of sample {_measures(entry.out_of_sample)}"
    for verdict in entry.verdicts:
        yield f"  {'passed' if verdict.passed else 'FAILED':<13} {verdict.name}: {verdict.text}"


def _ensemble(ensemble: Ensemble | None) -> Iterator[str]:
    if ensemble is None:
        return
    yield f"ensemble: allocation of the account by the regime of {ensemble.interval} candles"
    for name, weight in ensemble.weights.items():
        factors = {regime: own[name] for regime, own in ensemble.factors.items() if name in own}
        yield f"  {name}: weight={weight:.6g}, times {_pairs(factors)}"
    for symbol, found in ensemble.regimes.items():
        since = f" since {iso(found.since)}" if found.since else ""
        yield f"  {symbol}: {found.label}{since}"


def _universe(universe: Universe | None) -> Iterator[str]:
    if universe is None:
        return
    chosen = f"{len(universe.chosen)} of {len(universe.symbols)} symbols"
    yield f"universe: the scan of {iso(universe.as_of)} chose {chosen}"
    for symbol in sorted(universe.symbols, key=lambda name: universe.symbols[name].rank):
        yield f"  {symbol}: {universe.why_not(symbol) or 'chosen'}"


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_number(value)}" for name, value in sorted(values.items()))


def _measures(values: Mapping[str, Any]) -> str:
    """Write measures as pairs; those that too few trades carry say so, as in the report."""
    from flows.report.tables import said_instead

    instead = {name: said_instead(name, values) for name in values}
    return " ".join(
        f'{name}="{instead[name]}"' if instead[name] else f"{name}={_number(value)}"
        for name, value in sorted(values.items())
    )


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
