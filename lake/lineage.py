"""Verify that the lake still holds what a release has read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lake.content import content_hash
from lake.partitions import PartitionRef, iso
from lake.store import Lake
from lake.tables import table_of
from trading.errors import DataError


@dataclass(frozen=True)
class Verification:
    """One partition checked against the lake; ``text`` says why it verified or not."""

    ref: PartitionRef
    verified: bool
    text: str


def verify(lake: Lake, ref: PartitionRef, as_of: datetime) -> Verification:
    """Read the partition as its reader did, under ``as_of``, and compare the hashes.

    Later rows do not matter; any change among the rows that were read does.
    """
    try:
        table = table_of(ref.layer, ref.table)
        found = [
            partition
            for partition in lake.partitions(table, **dict(ref.partition))
            if dict(partition.values) == dict(ref.partition)
        ]
        if not found:
            return Verification(ref, verified=False, text=f"{ref.path} is not in this lake")
        data = lake.read_partition(found[0], as_of)
    except DataError as error:
        return Verification(ref, verified=False, text=str(error))
    sha256 = content_hash(data)
    if sha256 != ref.sha256:
        text = (
            f"{ref.path}: the rows up to {iso(as_of)} hash to {sha256[:12]}…, the release read "
            f"{ref.sha256[:12]}… ({data.num_rows} rows now, {ref.rows} then)"
        )
        return Verification(ref, verified=False, text=text)
    return Verification(ref, verified=True, text=f"{ref.path}: {ref.rows} rows, the same")


def verify_all(
    lake: Lake, refs: Iterable[PartitionRef], as_of: datetime
) -> tuple[Verification, ...]:
    """Verify each partition."""
    return tuple(verify(lake, ref, as_of) for ref in refs)
