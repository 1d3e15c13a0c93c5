"""A release's manifest: its parts, its canonical content, and the checks that need no other file.

The manifest is JSON (schema version 1). Times are UTC market time, except ``published_at`` (wall
time).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from lake.partitions import PartitionRef, iso
from trading.errors import DataError, ReleaseRefused
from trading.market.symbols import check_symbol
from trading.research.evidence.states import HypothesisEvidence, State
from trading.research.gates import GateVerdict

SCHEMA_VERSION = 1

Kind = Literal["params", "model", "signals", "universe", "regime"]
VALIDITY: dict[str, timedelta] = {
    "params": timedelta(hours=36),
    "model": timedelta(hours=36),
    "signals": timedelta(minutes=30),
    "universe": timedelta(hours=1),
    "regime": timedelta(hours=36),
}
"""How long a kind is valid after its ``as_of`` unless the candidate says otherwise."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, Field(pattern=r"^[^\W_][\w.\-]*(/[^\W_][\w.\-]*)*$")]


def _symbol(text: str) -> str:
    try:
        return check_symbol(text)
    except DataError as error:
        raise ValueError(str(error)) from error


Symbol = Annotated[str, AfterValidator(_symbol)]


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Without a loss the profit factor is infinite, which JSON cannot express: measures become null,
# parameters never do.
Measure = Annotated[float | int | str | None, BeforeValidator(_finite_or_none)]


def _finite_verdict(verdict: GateVerdict) -> GateVerdict:
    if not math.isfinite(verdict.threshold):
        raise ValueError(f"the threshold of {verdict.name} is not a number")
    if verdict.value is None or math.isfinite(verdict.value):
        return verdict
    return replace(verdict, value=None)


class StrictModel(BaseModel):
    """A frozen part of a release file that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FlowRun(StrictModel):
    """The run that made a release; ``id`` is Prefect's, or its own if it ran in process."""

    id: str
    name: str


class StrategyEntry(StrictModel):
    """One strategy on one symbol: its parameters, its results and the verdicts of the gates.

    ``evidence`` is that of its hypothesis, None in a release older than hypotheses. With
    ``apply_to_open`` it also governs positions that an earlier release opened.
    """

    strategy: Name
    symbol: Symbol
    params: dict[str, float | int | str]
    in_sample: dict[str, Measure] = {}
    out_of_sample: dict[str, Measure] = {}
    verdicts: tuple[Annotated[GateVerdict, AfterValidator(_finite_verdict)], ...] = ()
    proven: bool = False
    venue: Name = "binance_usdm"
    apply_to_open: bool = False
    evidence: HypothesisEvidence | None = None

    @property
    def state(self) -> State:
        """How much is known: an entry without evidence is proven or not."""
        if not self.proven:
            return "unproven"
        return self.evidence.state if self.evidence is not None else "proven"


class LeftOut(StrictModel):
    """A symbol that the release does not trade, and why."""

    symbol: str
    reason: str


class ReleaseFile(StrictModel):
    """A file of the release, by its path inside the release's folder."""

    path: RelativePath
    kind: Kind
    sha256: Sha256


class Reading(StrictModel):
    """A partition that was read, and for which kinds; the fields are those of `PartitionRef`."""

    table: str
    layer: str
    partition: dict[str, str]
    path: str
    rows: int
    first: AwareDatetime | None
    last: AwareDatetime | None
    sha256: Sha256
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, ref: PartitionRef, kinds: tuple[str, ...]) -> Reading:
        """Return the manifest's entry for a partition."""
        return cls.model_validate({**ref.to_dict(), "kinds": kinds})

    @property
    def ref(self) -> PartitionRef:
        """The partition itself."""
        return PartitionRef(
            self.table,
            self.layer,
            self.partition,
            self.path,
            self.rows,
            self.first,
            self.last,
            self.sha256,
        )


class Carried(StrictModel):
    """A kind carried over unchanged: the release it comes from, and the run that made it."""

    release_id: str
    flow_run: FlowRun


class Manifest(StrictModel):
    """Everything a release says about itself."""

    schema_version: Literal[1]
    release_id: str
    short_id: str
    created_at: AwareDatetime
    published_at: AwareDatetime
    as_of: AwareDatetime
    kind_as_of: dict[Kind, AwareDatetime]
    valid_until: dict[Kind, AwareDatetime]
    flow_run: FlowRun
    git_commit: str
    version: str = ""
    """Version of the Nocturne that published it; empty where it was not kept yet."""
    fingerprint: tuple[Reading, ...]
    files: tuple[ReleaseFile, ...]
    strategies: tuple[StrategyEntry, ...]
    proven: bool
    left_out: tuple[LeftOut, ...] = ()
    carried: dict[Kind, Carried] = {}
    replaced: str | None = None


def canonical(data: Any) -> bytes:
    """Serialize to JSON so that equal data gives equal bytes; NaN raises ``ValueError``."""
    text = json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def pretty(data: Any) -> bytes:
    """Serialize to indented JSON, for files that people read."""
    text = json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


# Run and time of publishing are not content: equal content is the same release.
_CONTENT_FIELDS = {
    "schema_version",
    "as_of",
    "kind_as_of",
    "valid_until",
    "fingerprint",
    "files",
    "strategies",
    "left_out",
}


def short_id(fields: Mapping[str, Any]) -> str:
    """Return eight characters (lower-case base32 of SHA-256) that stand for the content."""
    content = {name: fields[name] for name in sorted(_CONTENT_FIELDS)}
    digest = hashlib.sha256(canonical(content)).digest()
    return base64.b32encode(digest)[:8].decode().lower()


def release_id_of(as_of: datetime, short: str) -> str:
    """Return an id that sorts by market time: ``20250620T000000Z-abcdefgh``."""
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}-{short}"


def params_document(strategies: tuple[StrategyEntry, ...]) -> bytes:
    """Return the file ``params.json``: what is traded, and with which parameters."""
    rows = [
        {
            "strategy": entry.strategy,
            "venue": entry.venue,
            "symbol": entry.symbol,
            "params": entry.params,
            "proven": entry.proven,
        }
        for entry in strategies
    ]
    return pretty({"strategies": rows})


def is_proven(strategies: tuple[StrategyEntry, ...]) -> bool:
    """Tell whether a release trades something and all of it is proven."""
    return bool(strategies) and all(entry.proven for entry in strategies)


def parse_manifest(data: bytes, release_id: str) -> Manifest:
    """Parse and check a manifest; `ReleaseRefused` says what is wrong."""
    where = f"release {release_id}"
    try:
        raw = json.loads(data)
    except ValueError as error:
        raise ReleaseRefused(f"{where}: manifest.json is torn or not JSON ({error})") from error
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != SCHEMA_VERSION:
        raise ReleaseRefused(
            f"{where}: manifest.json has schema version {version!r}, this Nocturne reads "
            f"{SCHEMA_VERSION}; upgrade the older half"
        )
    try:
        manifest = Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ReleaseRefused(f"{where}: manifest.json, {field}: {first['msg']}") from error
    _check_identity(manifest, raw, release_id)
    _check_kinds(manifest, where)
    return manifest


def _check_identity(manifest: Manifest, raw: Mapping[str, Any], release_id: str) -> None:
    where = f"release {release_id}"
    if manifest.release_id != release_id:
        raise ReleaseRefused(f"{where}: manifest.json belongs to {manifest.release_id}")
    try:
        short = short_id(raw)
    except (KeyError, ValueError) as error:
        raise ReleaseRefused(f"{where}: manifest.json cannot be hashed ({error!r})") from error
    if (short, release_id_of(manifest.as_of, short)) != (manifest.short_id, release_id):
        raise ReleaseRefused(
            f"{where}: the content hashes to {short}, the manifest says {manifest.short_id}; "
            "it was changed after it was published"
        )


def _check_kinds(manifest: Manifest, where: str) -> None:
    kinds = set(manifest.kind_as_of)
    if not kinds or kinds != set(manifest.valid_until):
        raise ReleaseRefused(f"{where}: its kinds and their validity do not match")
    if manifest.as_of != max(manifest.kind_as_of.values()) or manifest.created_at != manifest.as_of:
        raise ReleaseRefused(f"{where}: as_of {iso(manifest.as_of)} is not that of its newest kind")
    for reading in manifest.fingerprint:
        if reading.last is not None and reading.last > manifest.as_of:
            raise ReleaseRefused(
                f"{where}: it has read {reading.path} up to {iso(reading.last)}, "
                f"later than its as_of {iso(manifest.as_of)}"
            )
    for kind in sorted({file.kind for file in manifest.files} - kinds):
        raise ReleaseRefused(f"{where}: it has a file of kind {kind} without a validity")
    if manifest.proven != is_proven(manifest.strategies):
        raise ReleaseRefused(f"{where}: 'proven' contradicts its strategies")
    pairs = [(entry.strategy, entry.venue, entry.symbol) for entry in manifest.strategies]
    for pair in pairs:
        if pairs.count(pair) > 1:
            raise ReleaseRefused(f"{where}: {pair[0]} on {pair[2]} is listed twice")
    for entry in manifest.strategies:
        if entry.evidence is not None and entry.proven and entry.evidence.state == "unproven":
            raise ReleaseRefused(
                f"{where}: {entry.strategy} on {entry.symbol} is marked proven, "
                "but its hypothesis is not"
            )
        passed = bool(entry.verdicts) and all(verdict.passed for verdict in entry.verdicts)
        if entry.proven and not passed:
            raise ReleaseRefused(
                f"{where}: {entry.strategy} on {entry.symbol} is marked proven, "
                "but did not pass every gate"
            )
