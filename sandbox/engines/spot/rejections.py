"""Refusals of spot, with the texts of its error page and filters page."""

from __future__ import annotations

from sandbox.engines.common.error_codes import ExchangeError, Refusal

NOT_ROUTED = Refusal(-1013, "This symbol has no smart order routing.")
MARKET_CLOSED = Refusal(-1013, "Market is closed.")
FILTER = Refusal(-1013, "Filter failure: {0}")
TOO_PRECISE = Refusal(-1111, "Parameter '{0}' has too much precision.")
BAD_STATUS = Refusal(-1122, "Invalid symbolStatus.")
DUPLICATE_SYMBOLS = Refusal(-1151, "Symbol is present multiple times in the list.")
BAD_PEG = Refusal(-1210, "Invalid pegPriceType.")
BAD_PEG_OFFSET = Refusal(-1211, "Invalid pegOffsetType.")
OTHER_STATUS = Refusal(-1220, "The symbol's status does not match the requested symbolStatus.")
NO_PEG = Refusal(-2010, "This order type may not use pegged price.")
WRONG_PEG = Refusal(-2010, "This price peg cannot be used with this order type.")
THIN_BOOK = Refusal(-2010, "Order book liquidity is too low for this pegged order.")
NO_BALANCE = Refusal(-2010, "Account has insufficient balance for requested action.")
DUPLICATE = Refusal(-2010, "Duplicate order sent.")
WOULD_TAKE = Refusal(-2010, "Order would immediately match and take.")
WOULD_TRIGGER = Refusal(-2010, "Stop price would trigger immediately.")
AMEND_QUANTITY = Refusal(
    -2038, "The requested quantity must be lower than the order's, and above what is filled."
)
PRICE_RELATION = Refusal(-2010, "The relationship of the prices for the orders is not correct.")
UNKNOWN_ORDER = Refusal(-2011, "Unknown order sent.")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.")
OPO_SIDES = Refusal(-1117, "OPO takes a working BUY order and pending SELL orders.")
NO_SUCH_LIST = Refusal(-2018, "Order list does not exist.")
UNKNOWN_LIST = Refusal(-2011, "Unknown order list sent.")
SAME_LIST_IDS = Refusal(-1114, "aboveClientOrderId and belowClientOrderId must be different.")
ABOVE_STOP = Refusal(-1165, "A parameter combination of aboveType is not valid.")
BELOW_STOP = Refusal(-1166, "A parameter combination of belowType is not valid.")
BOTH_LIMIT_MAKER = Refusal(
    -1196, "For a BUY order list the above leg must be STOP_LOSS or STOP_LOSS_LIMIT."
)
SELL_BELOW_STOP = Refusal(
    -1197, "For a SELL order list the below leg must be STOP_LOSS or STOP_LOSS_LIMIT."
)
NOT_DUST = Refusal(32110, "{0} cannot be converted: it is not a small balance.")


def replace_failed(code: int, message: str, data: object, status: int) -> ExchangeError:
    """Build the error of a cancel-replace that failed, wholly or in part, with both results."""
    return ReplaceError(code, message, data, status)


class ReplaceError(ExchangeError):
    """An error whose body has ``data`` beside code and text."""

    def __init__(self, code: int, message: str, data: object, status: int) -> None:
        super().__init__(code, message, status)
        self.data = data

    def body(self) -> dict[str, object]:  # type: ignore[override]
        """Return code, text and both results."""
        return {**super().body(), "data": self.data}
