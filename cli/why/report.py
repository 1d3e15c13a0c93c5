"""The chain behind an order, as a JSON document and as a tree."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from executor.ledger.chain import Chain, read_chain
from executor.ledger.reader import LedgerPlace
from lake.releases import PartitionRef, Release, read_release
from trading.errors import DataError, ReleaseRefused
from trading.order_ids import ADOPTED_RELEASE, LEGS, OrderIdError, order_key, parse_order_id

Document = dict[str, Any]


def explain(order: str, ledger: LedgerPlace, lake: Path | None) -> Document:
    """Collect everything that led to an order.

    Each of ``checks`` has ``passed`` true, false, or None if there was nothing to check against.
    """
    if lake is not None and not lake.is_dir():
        raise DataError(f"no lake at {lake}; pass --lake ROOT, the folder that holds the layers")
    chain = read_chain(ledger, order)
    checks: list[Document] = [_id_check(chain)]
    release = _release(chain, lake, checks)
    partitions = _partitions(release, lake, checks) if release is not None else []
    checks.append(_causes_check(chain))
    return {
        "order": chain.order,
        "leg": LEGS.get(chain.order["leg"], chain.order["leg"]),
        "fills": list(chain.fills),
        "position": chain.position,
        "because": [_event(event) for event in chain.events],
        "signal": _event(chain.signal),
        "candle": _event(chain.candle),
        "release": _release_facts(release),
        "flow_run": release.flow_run.model_dump() if release is not None else None,
        "partitions": partitions,
        "checks": checks,
        "verified": all(check["passed"] is not False for check in checks),
    }


def _check(name: str, passed: bool | None, text: str) -> Document:
    return {"name": name, "passed": passed, "text": text}


def _id_check(chain: Chain) -> Document:
    """Check the key in the id: a hash that proves account, strategy, symbol and bar."""
    row = chain.order
    try:
        ours = parse_order_id(row["client_id"])
        keys = {
            order_key(chain.account, row["strategy"], name, row["bar_time"])
            for name in _instrument_names(row)
        }
    except OrderIdError as error:
        return _check("order id", False, str(error))
    if ours.release == ADOPTED_RELEASE or row["strategy"] == "adopted":
        return _check("order id", None, "the order was adopted from the exchange")
    if ours.key not in keys or not row["release_id"].endswith(ours.release):
        text = f"the id {row['client_id']} does not belong to its strategy, bar and release"
        return _check("order id", False, text)
    return _check("order id", True, "the id is the hash of account, strategy, instrument and bar")


def _instrument_names(row: Document) -> tuple[str, ...]:
    """The instrument as the ids of an order hash it; ids of 0.2.0 hash the symbol alone."""
    symbol, venue = str(row["symbol"]), row.get("venue")
    return (f"{symbol}.{venue}", symbol) if venue else (symbol,)


def _causes_check(chain: Chain) -> Document:
    if chain.candle is None or chain.signal is None:
        adopted = chain.order["strategy"] == "adopted"
        text = "the chain of events does not reach back to a signal and its candle"
        return _check("events", None if adopted else False, text)
    return _check("events", True, f"{len(chain.events)} events lead back to a closed candle")


def _release(chain: Chain, lake: Path | None, checks: list[Document]) -> Release | None:
    root = lake / "published" if lake is not None else Path(chain.published)
    try:
        release = read_release(root, chain.order["release_id"])
    except ReleaseRefused as error:
        checks.append(_check("release", False, str(error)))
        return None
    text = f"every file of {release.release_id} has the hash in its manifest"
    checks.append(_check("release", True, text))
    return release


def _partitions(release: Release, lake: Path | None, checks: list[Document]) -> list[Document]:
    if lake is None:
        if release.fingerprint:
            checks.append(_check("partitions", None, "not checked: pass --lake ROOT"))
        return [_partition(ref, None, "not checked") for ref in release.fingerprint]
    from lake.lineage import verify_all
    from lake.store import Lake

    found = verify_all(Lake(lake), release.fingerprint, release.as_of)
    bad = [verification.text for verification in found if not verification.verified]
    text = bad[0] if bad else f"{len(found)} partitions hold what the release has read"
    checks.append(_check("partitions", not bad, text))
    return [_partition(v.ref, v.verified, v.text) for v in found]


def _partition(ref: PartitionRef, verified: bool | None, text: str) -> Document:
    return {**ref.to_dict(), "verified": verified, "text": text}


def _release_facts(release: Release | None) -> Document | None:
    if release is None:
        return None
    return {
        "release_id": release.release_id,
        "short_id": release.short_id,
        "as_of": release.as_of.isoformat(),
        "proven": release.proven,
        "git_commit": release.manifest.git_commit,
        "manifest_sha256": release.manifest_sha256,
        "files": [file.model_dump() for file in release.files],
    }


def _event(event: Document | None) -> Document | None:
    if event is None:
        return None
    return {"time_utc": _time(event["time"]), **event}


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def to_text(report: Document, *, every_partition: bool = True) -> str:
    """Format the document as a tree; amounts are rounded here and exact in the document."""
    lines = [_order_line(report)]
    lines += [f"├─ {line}" for line in _trade_lines(report)]
    lines += [f"├─ {line}" for line in _cause_lines(report)]
    lines += [f"├─ {line}" for line in _release_lines(report)]
    partitions = report["partitions"]
    lines.append(f"├─ data: {len(partitions)} partitions{_layers(partitions)}")
    for index, part in enumerate(partitions if every_partition else ()):
        branch = "└─" if index == len(partitions) - 1 else "├─"
        lines.append(f"│  {branch} {_mark(part['verified'])} {_partition_line(part)}")
    checks = report["checks"]
    for index, check in enumerate(checks):
        branch = "└─" if index == len(checks) - 1 else "├─"
        lines.append(f"{branch} {_mark(check['passed'])} {check['name']}: {check['text']}")
    return "\n".join(lines)


def _layers(partitions: list[Document]) -> str:
    counts = Counter(f"{part['layer']}/{part['table']}" for part in partitions)
    named = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f" ({named})" if named else ""


def _amount(value: str) -> str:
    """Round an amount to two decimals, a small one to two significant digits."""
    exact = Decimal(value)
    return f"{exact:.2f}" if not exact or abs(exact) >= Decimal("0.01") else f"{exact:.2g}"


def _mark(passed: bool | None) -> str:
    return {True: "✓", False: "✗", None: "·"}[passed]


def _order_line(report: Document) -> str:
    row = report["order"]
    what = f"{row['side']} {row['quantity'] or 'all'} {row['symbol']} {row['kind']}"
    trigger = f" at {row['trigger_price']}" if row["trigger_price"] else ""
    reason = f" ({row['reason']})" if row["reason"] else ""
    return f"order {row['client_id']}: {report['leg']}{reason}, {what}{trigger}, {row['status']}"


def _trade_lines(report: Document) -> list[str]:
    lines = [
        f"fill {f['trade_id']}: {f['side']} {f['quantity']} at {f['price']},"
        f" fee {_amount(f['fee'])} {f['fee_asset']}, {_time(f['time'])}"
        for f in report["fills"]
    ]
    position = report["position"]
    if position is not None:
        side = "long" if position["side"] > 0 else "short"
        end = ""
        if position["status"] == "closed":
            end = (
                f", closed {_time(position['closed_at'])} at {position['exit_price']}"
                f" ({position['exit_reason']}), profit {_amount(position['realized_pnl'])}"
                f" before fees of {_amount(position['fees'])}"
            )
        lines.append(
            f"position {position['id']}: {side} {position['symbol']} by {position['strategy']},"
            f" entered at {position['entry_price']}{end}"
        )
        lines += _level_lines(position)
    return lines


def _level_lines(position: Document) -> list[str]:
    """Return the levels of the signal; ledgers older than these columns have none."""
    names = {"stop_price": "stop", "target_price": "target", "confidence": "confidence"}
    levels = [
        f"{text} {position[name]:.8g}"
        for name, text in names.items()
        if position.get(name) is not None
    ]
    return [f"levels of the signal: {', '.join(levels)}"] if levels else []


def _cause_lines(report: Document) -> list[str]:
    lines = []
    steps = " ← ".join(event["type"] for event in report["because"])
    lines.append(f"events: {steps}")
    signal, candle = report["signal"], report["candle"]
    if signal is not None:
        data = signal["data"]
        action, reason = data["action"], data["reason"]
        what = reason if reason.startswith(action) else f"{action}: {reason}"
        lines.append(f"signal {signal['time_utc']}: {data['strategy']} {what}")
        lines += _decided_lines(data)
        if data.get("evidence"):
            share = data["size_share"]
            lines.append(f"size: {share:.0%} of the limits, evidence: {data['evidence']}")
        for name, (released, used) in data.get("overrides", {}).items():
            lines.append(f"settings: {name} {used}, in the release {released}")
    for event in report["because"]:
        if "risk_taken" in event["data"]:
            lines.append(_risk_line(event["data"]))
            lines += _allocation_lines(event["data"])
            lines += _forecast_lines(event["data"])
    if candle is not None:
        data = candle["data"]
        prices = " ".join(f"{name[0].upper()} {data[name]}" for name in _PRICES)
        lines.append(f"candle {candle['symbol']} 1m from {_time(data['open_time'])}: {prices}")
    return lines


def _risk_line(data: Document) -> str:
    """Return the risk of an entry and what decided its size."""
    taken = f"{data['risk_taken']:.2%} of the equity at the stop, costs included"
    if data["risk_wanted"] is None:
        return f"risk: {taken}; size by {data['bound_by']}"
    bound = f"bound by {data['bound_by']}" if data["bound_by"] else "bound by nothing else"
    return f"risk: {taken}; wanted {data['risk_wanted']:.2%}, {bound}"


def _allocation_lines(data: Document) -> list[str]:
    """Return the weight behind the member's share; older entries and lone strategies have none."""
    known = data.get("allocation")
    if known is None:
        return []
    kind = {True: "learnt", False: "equal", None: "smoothed"}[known["learned"]]
    return [
        f"allocation: at most {known['most']:.1%} of the equity: {kind} weight"
        f" {known['weight']:.1%} × {known['factor']:g} in the regime {known['regime']}"
        f" ({known['candles']} candles of {known['interval']})"
    ]


def _forecast_lines(data: Document) -> list[str]:
    """Return the forecast behind the size of an entry; older entries and others have none."""
    known = data.get("forecast")
    if known is None:
        return []
    if "missing" in known:
        return [f"forecast: none ({known['missing']}); size as without forecasts"]
    word = "" if known["proven"] else ", unproven"
    what = (
        f"forecast {known['model']} of {known['release_id']}{word}: volatility"
        f" {known['value']:.4%} a minute, {known['value'] / known['usual']:.2f} x usual,"
        f" mean move {known['expected_move']:.2%} in the next hour"
    )
    made, until = (_clock(known[name]) for name in ("made_at", "valid_until"))
    size = f"size {known['share']:.0%}, without it {data['without_forecast']}"
    return [f"{what}; made {made}, valid until {until}; {size}"]


def _decided_lines(data: Document) -> list[str]:
    """Return the published forecast that decided a signal, if one did."""
    known = data.get("forecast")
    if not known:
        return []
    if "missing" in known:
        return [f"forecast: none ({known['missing']})"]
    word = "" if known["proven"] else ", unproven"
    made, until = (_clock(known[name]) for name in ("made_at", "valid_until"))
    return [
        f"decided by forecast {known['model']} of {known['release_id']}{word}: return"
        f" {known['value']:+.3%} in the next hour; made {made}, valid until {until}"
    ]


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")


_PRICES = ("open", "high", "low", "close", "volume")


def _release_lines(report: Document) -> list[str]:
    release, run = report["release"], report["flow_run"]
    if release is None:
        return [f"release {report['order']['release_id']}: not readable"]
    word = "proven" if release["proven"] else "unproven"
    return [
        f"release {release['release_id']} ({word}), manifest {release['manifest_sha256'][:16]}…",
        f"flow run {run['name']} {run['id']}",
    ]


def _partition_line(part: Document) -> str:
    return f"{part['path']}  {part['rows']} rows  sha256 {part['sha256'][:16]}…"
