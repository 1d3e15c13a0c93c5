"""The exchange's documented error codes and texts (USDⓈ-M error-code page)."""

from __future__ import annotations

from dataclasses import dataclass


class ExchangeError(Exception):
    """A refusal with the exchange's ``code``, ``message`` and HTTP ``status``."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, int | str]:
        """Return the JSON body of the response."""
        return {"code": self.code, "msg": self.message}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A documented refusal; calling it fills the placeholders of its text."""

    code: int
    text: str
    status: int = 400

    def __call__(self, *values: object) -> ExchangeError:
        """Return the exception to raise."""
        return ExchangeError(self.code, self.text.format(*values), self.status)


TOO_MANY_REQUESTS = Refusal(
    -1003, "Too many requests; current limit of IP({0}) is {1} requests per minute.", 429
)
BANNED = Refusal(-1003, "Way too many requests; IP({0}) banned until {1}.", 418)
TOO_MANY_ORDERS = Refusal(-1015, "Too many new orders; current limit is {0} orders per {1}.", 429)
THROTTLED = Refusal(
    -1008,
    "Server is currently overloaded with other requests. Please try again in a few minutes.",
    503,
)
OUTSIDE_WINDOW = Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD_OF_SERVER = Refusal(
    -1021, "Timestamp for this request was 1000ms ahead of the server's time."
)
BAD_ENVELOPE = Refusal(-1135, "JSON Request is not valid.")
UNKNOWN_METHOD = Refusal(-1000, "Unknown method.", 404)
LOGON_KEY = Refusal(-4056, "HMAC_SHA256 API key is not supported.", 401)
NOT_LOGGED_ON = Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = Refusal(-1022, "Signature for this request is not valid.")
BACKWARDS = Refusal(-1023, "Start time is greater than end time.")
ILLEGAL = Refusal(-1100, "Illegal characters found in parameter '{0}'; legal range is '{1}'.")
TOO_MANY_PARAMETERS = Refusal(
    -1104, "Not all sent parameters were read; read '{0}' parameter(s) but was sent '{1}'."
)
DUPLICATE_PARAMETER = Refusal(-1101, "Duplicate values for parameter '{0}' detected.")
EMPTY = Refusal(-1105, "Parameter '{0}' was empty.")
MISSING = Refusal(-1102, "Mandatory parameter '{0}' was not sent, was empty/null, or malformed.")
NOT_REQUIRED = Refusal(-1106, "Parameter '{0}' sent when not required.")
INVALID_AMOUNT = Refusal(-1013, "Invalid {0}.")
PRECISION = Refusal(-1111, "Precision is over the maximum defined for this asset.")
BAD_TIF = Refusal(-1115, "Invalid timeInForce.")
BAD_TYPE = Refusal(-1116, "Invalid orderType.")
BAD_SIDE = Refusal(-1117, "Invalid side.")
BAD_INTERVAL = Refusal(-1120, "Invalid interval.")
BAD_SYMBOL = Refusal(-1121, "Invalid symbol.")
NO_LISTEN_KEY = Refusal(-1125, "This listenKey does not exist.")
COMBINATION = Refusal(-1128, "Combination of optional parameters invalid.")
BAD_VALUE = Refusal(-1130, "Data sent for parameter '{0}' is not valid.")
BAD_RECV_WINDOW = Refusal(-1131, "recvWindow must be less than 60000.")
CANCEL_REJECTED = Refusal(-2011, "Unknown order sent.")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.")
BAD_KEY_FORMAT = Refusal(-2014, "API-key format invalid.", 401)
BAD_KEY = Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
NO_MARGIN = Refusal(-2019, "Margin is insufficient.")
WOULD_TRIGGER = Refusal(-2021, "Order would immediately trigger.")
REDUCE_ONLY = Refusal(-2022, "ReduceOnly Order is rejected.")
OVER_POSITION = Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
LEVERAGE_NEEDS_MARGIN = Refusal(
    -2028, "Leverage is smaller than permitted: insufficient margin balance."
)
PRICE_NOT_POSITIVE = Refusal(-4001, "Price less than 0.")
PRICE_TOO_HIGH = Refusal(-4002, "Price greater than max price.")
QUANTITY_NOT_POSITIVE = Refusal(-4003, "Quantity less than or equal to zero.")
QUANTITY_TOO_SMALL = Refusal(-4004, "Quantity less than min quantity.")
QUANTITY_TOO_LARGE = Refusal(-4005, "Quantity greater than max quantity.")
PRICE_TOO_LOW = Refusal(-4013, "Price less than min price.")
OFF_TICK = Refusal(-4014, "Price not increased by tick size.")
OFF_STEP = Refusal(-4023, "Quantity not increased by step size.")
BAD_CLIENT_ID = Refusal(-4015, "Client order id is not valid.")
ABOVE_BAND = Refusal(-4016, "Limit price can't be higher than {0}.")
BELOW_BAND = Refusal(-4024, "Limit price can't be lower than {0}.")
BAD_LEVERAGE = Refusal(-4028, "Leverage {0} is not valid")
SYMBOL_STATUS = Refusal(-4140, "Invalid symbol status for opening position.")
MAX_ORDERS = Refusal(-2025, "Reach max open order limit.")
MAX_ALGOS = Refusal(-4045, "Reach max stop order limit.")
SAME_MARGIN_TYPE = Refusal(-4046, "No need to change margin type.")
MARGIN_TYPE_ORDERS = Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
MARGIN_TYPE_POSITION = Refusal(-4048, "Margin type cannot be changed if there exists position.")
MARGIN_NOT_ISOLATED = Refusal(-4049, "Add margin only support for isolated position.")
CROSS_BALANCE = Refusal(-4050, "Cross balance insufficient.")
ISOLATED_BALANCE = Refusal(-4051, "Isolated balance insufficient.")
MARGIN_NO_POSITION = Refusal(-4054, "Cannot add position margin: position is 0.")
MARGIN_NOT_POSITIVE = Refusal(-4055, "Amount must be positive.")
MULTI_ASSETS_ISOLATED = Refusal(
    -4167,
    "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin "
    "mode.",
)
ISOLATED_IN_MULTI_ASSETS = Refusal(
    -4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode."
)
SAME_ASSETS_MODE = Refusal(-4171, "No need to change the assets mode.")
PRICE_WITH_MATCH = Refusal(-4188, "The price field must be empty when priceMatch is set.")
SAME_POSITION_SIDE = Refusal(-4059, "No need to change position side.")
BAD_POSITION_SIDE = Refusal(-4060, "Invalid position side.")
POSITION_SIDE = Refusal(-4061, "Order's position side does not match user's setting.")
POSITION_MODE_ORDERS = Refusal(
    -4067, "Position side cannot be changed if there exists open orders."
)
POSITION_MODE_POSITION = Refusal(-4068, "Position side cannot be changed if there exists position.")
DUPLICATE_CLIENT_ID = Refusal(-4116, "ClientOrderId is duplicated.")
USE_ALGO = Refusal(
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
)
CLOSE_EXISTS = Refusal(
    -4130,
    "An open stop or take profit order with GTE and closePosition in the direction is existing.",
)
CLOSE_TYPE = Refusal(-4136, "Target strategy invalid for orderType {0},closePosition true")
CLOSE_WITH_QUANTITY = Refusal(-4137, "Quantity must be zero with closePosition equals true.")
CLOSE_WITH_REDUCE = Refusal(-4138, "Reduce only must be true with closePosition equals true.")
LEVERAGE_ISOLATED = Refusal(
    -4161,
    "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
)
MIN_NOTIONAL = Refusal(
    -4164, "Order's notional must be no smaller than {0} (unless you choose reduce only)."
)
NO_AMEND_NEEDED = Refusal(-5027, "No need to modify the order.")
FOK_REJECTED = Refusal(
    -5021,
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
)
POST_ONLY_REJECTED = Refusal(
    -5022,
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
)
