"""The execution section: orders, fills, round trips, stops and slippage from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from flows.report import formats
from flows.report.charts.prices import TradeMark
from flows.report.charts.trades import reason_bars
from flows.report.language import each, tr, zone_name
from flows.report.tables import counted, joined
from flows.report.views import BAD, GOOD, MONO, MUTED, WARN, Cell, Execution, Fact, TableView
from trading.order_ids import LEGS

Row = Mapping[str, Any]

ENTRY_LEGS = ("en", "d1", "d2")
STOP_LEGS = ("sl", "tp")
NEVER_RESTED = ("intent", "sent", "unknown", "rejected", "dead")
MAX_ORDER_ROWS = 200

TRIP_HEAD = (
    "Symbol",
    "Strategy",
    "Side",
    "Opened",
    "Closed",
    "Quantity",
    "Entry price",
    "Exit price",
    "After fees",
    "Reason",
)
ORDER_HEAD = (
    "Time ({zone})",
    "Client order id",
    "Symbol",
    "Side",
    "Purpose",
    "Quantity",
    "Price",
    "Slippage",
    "Status",
)


@dataclass(frozen=True, slots=True)
class LedgerRows:
    """Rows of the exported ledger, as the lake holds them."""

    orders: Sequence[Row] = ()
    fills: Sequence[Row] = ()
    positions: Sequence[Row] = ()
    events: Sequence[Row] = ()
    equity: Sequence[Row] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was exported."""
        return not (self.orders or self.fills or self.positions or self.equity)


def execution_view(ledger: LedgerRows) -> Execution:
    """Show what the executor did: result, round trips, protection, orders."""
    if ledger.empty:
        return Execution(tr("The lake holds no ledger of an executor at this time."))
    closed = [row for row in ledger.positions if row.get("closed_at")]
    slips = [slip for order in ledger.orders if (slip := slippage_bps(order)) is not None]
    return Execution(
        lead=lead(ledger, closed),
        facts=facts(ledger, closed, slips),
        trips=trip_grid(ledger),
        reasons=reason_bars("exit-reasons", [mark_of(row) for row in closed]),
        stops=stop_grid(ledger),
        orders=order_grid(ledger.orders),
        events=event_grid(ledger.events),
    )


def lead(ledger: LedgerRows, closed: Sequence[Row]) -> str:
    """Name the span and the releases in one or two sentences."""
    times = [formats.as_ms(row["created_at"]) for row in ledger.orders]
    times += [formats.as_ms(row["time"]) for row in ledger.equity]
    releases = sorted({str(row["release_id"]) for row in ledger.orders if row.get("release_id")})
    traded = tr(" It traded {names}.", names=joined(releases)) if releases else ""
    if not times:
        return tr(
            "The ledger holds {round_trips}.{traded}",
            round_trips=counted(len(closed), "round trip"),
            traded=traded,
        )
    return tr(
        "The executor's ledger from {start} to {end}.{traded}",
        start=formats.moment(min(times)),
        end=formats.moment(max(times)),
        traded=traded,
    )


def facts(ledger: LedgerRows, closed: Sequence[Row], slips: Sequence[float]) -> tuple[Fact, ...]:
    """Return the main figures."""
    net, won = sums(closed, net_result), sum(net_result(row) > 0 for row in closed)
    fees = sums(closed, lambda row: number(row.get("fees")))
    ways = {value > 0 for value in net.values() if value}
    tone = "" if len(ways) != 1 else GOOD if ways.pop() else BAD
    bare = [row for row in ledger.positions if not resting_stops(row, ledger.orders)]
    return (
        Fact(tr("Orders"), formats.whole(len(ledger.orders)), statuses(ledger.orders)),
        Fact(tr("Fills"), formats.whole(len(ledger.fills))),
        Fact(tr("Round trips"), formats.whole(len(closed)), tr("{won} won", won=won)),
        Fact(
            tr("Result"),
            amounts(net),
            tr("after fees of {fees}", fees=amounts(fees)),
            tone,
        ),
        Fact(
            tr("Slippage"),
            tr("{mean} bp", mean=formats.decimal(mean(slips), 1)) if slips else formats.NONE,
            tr("worst {highest} bp", highest=formats.decimal(max(slips), 1))
            if slips
            else tr("no fill to compare"),
        ),
        Fact(
            tr("Without a stop"),
            formats.whole(len(bare)),
            tr("of {positions}", positions=counted(len(ledger.positions), "position")),
            BAD if bare else GOOD,
        ),
    )


def asset_of(position: Row) -> str:
    """Return the currency that a position's result is in; nothing where it is not known."""
    return str(position.get("quote_asset") or formats.quote_of(str(position.get("symbol") or "")))


def sums(positions: Sequence[Row], amount: Callable[[Row], float]) -> dict[str, float]:
    """Add up an amount of positions by currency: different ones never add up."""
    found: dict[str, float] = {}
    for row in positions:
        asset = asset_of(row)
        found[asset] = found.get(asset, 0.0) + amount(row)
    return found


def amounts(by_asset: Mapping[str, float]) -> str:
    """Write ``12.30``, or ``12.30 USDT and 4,000 KRW`` where there are several currencies."""
    if len(by_asset) < 2:
        asset, value = next(iter(by_asset.items()), ("", 0.0))
        return formats.money(value, asset)
    return joined(
        [f"{formats.money(value, asset)} {asset}".strip() for asset, value in by_asset.items()]
    )


def statuses(orders: Sequence[Row]) -> str:
    """Write ``9 filled, 2 cancelled``."""
    counts = Counter(str(row["status"]) for row in orders)
    return ", ".join(
        tr("{count} {status}", count=count, status=tr(name))
        for name, count in sorted(counts.items())
    )


def number(value: Any) -> float:
    """Read a stored amount; an empty one counts as zero."""
    return float(value) if value not in (None, "") else 0.0


def net_result(position: Row) -> float:
    """Return the realised result after fees, in the account's currency."""
    return number(position.get("realized_pnl")) - number(position.get("fees"))


def slippage_bps(order: Row) -> float | None:
    """Return what the fill cost against the decided or trigger price, in basis points.

    A positive value is worse.
    """
    filled = number(order.get("average_price"))
    wanted = number(order.get("decision_price") or order.get("trigger_price"))
    if str(order["status"]) != "filled" or not filled or not wanted:
        return None
    worse = filled - wanted if str(order["side"]).upper() == "BUY" else wanted - filled
    return worse / wanted * 10_000


def resting_stops(position: Row, orders: Sequence[Row]) -> list[Row]:
    """Return the orders of the position that rested at the exchange to protect it."""
    return [
        row
        for row in orders
        if row.get("leg") in STOP_LEGS
        and row.get("position_id") == position["id"]
        and str(row["status"]) not in NEVER_RESTED
    ]


def mark_of(position: Row) -> TradeMark:
    """Return a closed position as a trade; its net result is in money, not a share."""
    return TradeMark(
        formats.as_ms(position.get("opened_at")),
        formats.as_ms(position["closed_at"]),
        number(position.get("entry_price")),
        number(position.get("exit_price")),
        net_result(position),
        str(position.get("exit_reason") or tr("not recorded")),
        int(position["side"]),
    )


def trip_grid(ledger: LedgerRows) -> TableView | None:
    """Show each position from entry to exit."""
    if not ledger.positions:
        return None
    ordered = sorted(ledger.positions, key=lambda row: formats.as_ms(row.get("opened_at")))
    rows = tuple(trip_row(row, entered(row, ledger.orders)) for row in ordered)
    return TableView(
        each(TRIP_HEAD), rows, frozenset({0, 1, 2, 3, 4, 9}), caption=tr("Round trips")
    )


def entered(position: Row, orders: Sequence[Row]) -> float:
    """Return the quantity that opened the position; the ledger's own is zero after the exit."""
    own = (row for row in orders if row.get("position_id") == position["id"])
    filled = sum(number(row.get("filled")) for row in own if row["leg"] in ENTRY_LEGS)
    return filled or number(position["quantity"])


def trip_row(row: Row, quantity: float) -> tuple[Cell, ...]:
    """Show one position; one that is still open says so."""
    closed = bool(row.get("closed_at"))
    net, quote = net_result(row), formats.quote_of(str(row["symbol"]))
    return (
        Cell(str(row["symbol"])),
        Cell(str(row["strategy"])),
        Cell(tr("long") if row["side"] > 0 else tr("short")),
        Cell(formats.stamp(row.get("opened_at"))),
        Cell(formats.stamp(row["closed_at"])) if closed else Cell(tr("open"), WARN),
        Cell(formats.anything(quantity)),
        Cell(formats.price(row.get("entry_price"), quote)),
        Cell(formats.price(row.get("exit_price"), quote)),
        Cell(formats.money(net, quote), GOOD if net > 0 else BAD) if closed else Cell(formats.NONE),
        Cell(tr(str(row.get("exit_reason") or formats.NONE).replace("_", " "))),
    )


def stop_grid(ledger: LedgerRows) -> TableView | None:
    """Show which orders rested at the exchange for each position, and how soon."""
    rows = []
    for position in sorted(ledger.positions, key=lambda row: formats.as_ms(row.get("opened_at"))):
        stops = resting_stops(position, ledger.orders)
        rows.append(
            (
                Cell(str(position["symbol"])),
                Cell(formats.stamp(position.get("opened_at"))),
                stops_cell(stops, "sl"),
                stops_cell(stops, "tp"),
                delay_cell(position),
                Cell(tr("✓ rested"), GOOD) if stops else Cell(tr("✗ none"), BAD),
            )
        )
    if not rows:
        return None
    head = (
        tr("Symbol"),
        tr("Opened"),
        tr("Stop at"),
        tr("Take-profit at"),
        tr("Protected after"),
        tr("At the exchange"),
    )
    return TableView(head, tuple(rows), frozenset({0, 1}), caption=tr("Protection"))


def stops_cell(stops: Sequence[Row], leg: str) -> Cell:
    """Show the trigger prices of one kind of stop, in the order they were placed."""
    own = sorted((row for row in stops if row["leg"] == leg), key=lambda row: row["created_at"])
    prices = [formats.price(row["trigger_price"]) for row in own if row.get("trigger_price")]
    return Cell(" → ".join(prices) or formats.NONE)


def delay_cell(position: Row) -> Cell:
    """Show the market time from the opening to the confirmed stop."""
    opened, safe = position.get("opened_at"), position.get("protected_at")
    if not opened or not safe:
        return Cell(formats.NONE)
    return Cell(
        tr("{seconds:,.3g} s", seconds=(formats.as_ms(safe) - formats.as_ms(opened)) / 1000)
    )


def order_grid(orders: Sequence[Row]) -> TableView | None:
    """Show every order, or only the latest ones."""
    if not orders:
        return None
    shown = sorted(orders, key=lambda row: (row["created_at"], row["client_id"]))
    shown = shown[-MAX_ORDER_ROWS:]
    rows = tuple(order_row(row) for row in shown)
    more = (
        tr("The last {shown} of {orders} orders.", shown=len(shown), orders=len(orders))
        if len(shown) < len(orders)
        else ""
    )
    head = tuple(tr(text, zone=zone_name()) for text in ORDER_HEAD)
    return TableView(head, rows, frozenset({0, 1, 2, 3, 4, 8}), more=more)


def order_row(row: Row) -> tuple[Cell, ...]:
    """Show one order."""
    slip = slippage_bps(row)
    shown = row.get("average_price") or row.get("trigger_price")
    leg = str(row["leg"])
    return (
        Cell(formats.stamp(row["created_at"])),
        Cell(str(row["client_id"]), MONO),
        Cell(str(row["symbol"])),
        Cell(tr(str(row["side"]).lower())),
        Cell(tr(LEGS.get(leg, leg))),
        Cell(formats.anything(number(row["quantity"])) if row.get("quantity") else tr("all")),
        Cell(
            formats.price(number(shown), formats.quote_of(str(row["symbol"])))
            if shown
            else formats.NONE
        ),
        Cell(
            formats.NONE if slip is None else tr("{mean} bp", mean=formats.decimal(slip, 1)), MUTED
        ),
        Cell(tr(str(row["status"])), BAD if row["status"] in ("rejected", "dead") else ""),
    )


def event_grid(events: Sequence[Row]) -> TableView | None:
    """Count the recorded events of each kind."""
    counts = Counter(str(row["type"]) for row in events)
    if not counts:
        return None
    rows = tuple((Cell(kind), Cell(formats.whole(count))) for kind, count in sorted(counts.items()))
    return TableView((tr("Recorded events"), tr("Count")), rows)
