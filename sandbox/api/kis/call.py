"""The request that a KIS handler works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.api.kis.access import PRODUCT
from sandbox.api.kis.exchange import KisExchange
from sandbox.api.requests import PUBLIC, SIGNED, ApiRequest, Route
from sandbox.api.spot.call import SpotCall
from sandbox.engines.kis.engine import KisEngine
from sandbox.engines.kis.rejections import KisError, refused
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.params import AMOUNT, Params, whole

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KisRoute(Route):
    """A route and the transactions (tr_id) that it serves; none: any."""

    transactions: frozenset[str] = frozenset()


def public(handler: Callable[[KisCall], Any]) -> KisRoute:
    """Return the route of a call without a token."""
    return KisRoute(handler, PUBLIC)


def serving(handler: Callable[[KisCall], Any], *transactions: str, order: bool = False) -> KisRoute:
    """Return the route of some transactions."""
    return KisRoute(handler, SIGNED, order=order, transactions=frozenset(transactions))


@dataclass(frozen=True, slots=True)
class KisCall(SpotCall):
    """A request; names of parameters are in upper case. Headers of the response go to ``sent``."""

    sent: dict[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @classmethod
    def of(cls, exchange: Any, request: ApiRequest, account: str) -> KisCall:
        """Make the call of a request by ``account`` (empty without a token)."""
        caller = exchange.engine.core.accounts[account] if account else None
        params = Params({name.upper(): value for name, value in request.values.items()})
        return cls(exchange, params, caller, {}, {}, request.fields, request.body)

    @property
    def transaction(self) -> str:
        """The transaction (tr_id)."""
        return self.fields.get("tr_id", "")

    @property
    def hash_key(self) -> str:
        """The hash key that was sent, or nothing."""
        return self.fields.get("hashkey", "")

    @property
    def kis(self) -> KisExchange:
        """The exchange."""
        assert isinstance(self.exchange, KisExchange)
        return self.exchange

    @property
    def engine(self) -> KisEngine:
        """The exchange's engine."""
        return self.kis.stocks

    def need(self, name: str) -> str:
        """Return a parameter; refuse its absence."""
        value = self.params.text(name)
        if value is None:
            raise KisError("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{name}]", rt_cd="2")
        return value

    def amount(self, name: str) -> Decimal:
        """Return a price or a quantity; refuse anything but a plain number."""
        text = self.need(name)
        if not AMOUNT.match(text):
            raise KisError("OPSQ2002", f"ERROR INPUT FIELD [{name}]", rt_cd="2")
        return Decimal(text)

    def check_number(self) -> str:
        """Return the account number; refuse one that is not the caller's."""
        number = self.kis.access.numbers[self.account.name]
        if (self.need("CANO"), self.need("ACNT_PRDT_CD")) != (number, PRODUCT):
            raise KisError("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO", rt_cd="2")
        return number

    def stock(self, name: str) -> SymbolFeed:
        """Return the feed of the stock that a parameter names."""
        found = self.exchange.feeds.get(self.need(name))
        if found is None:
            raise refused("매매불가 종목")
        return found

    def paged(self, rows: list[Json], size: int) -> list[Json]:
        """Return a page of rows; `tr_cont` and the context of the response lead to the next."""
        text = self.params.text("CTX_AREA_NK100") or "0"
        start = whole(text) or 0
        more = start + size < len(rows)
        first = "F" if more else "D"
        self.sent["tr_cont"] = first if not start else "M" if more else "E"
        self.sent["next"] = str(start + size) if more else ""
        return rows[start : start + size]

    def context(self) -> Json:
        """Return the context of a page, for the request of the next."""
        following = self.sent.pop("next", "")
        kept = self.params.text("CANO") if following else ""
        return {"ctx_area_fk100": kept or "", "ctx_area_nk100": following}


def done(message: str = "정상처리 되었습니다.", code: str = "MCA00000", **outputs: Any) -> Json:
    """Return the body of a success."""
    return {"rt_cd": "0", "msg_cd": code, "msg1": message, **outputs}
