"""What can go wrong with a request to an exchange.

Adapters raise these and nothing else::

    VenueFaultError
    ├── Rejected               definitely not accepted; the order does not exist
    │   ├── Temporary          because of the moment; the same request may be sent again
    │   │   └── ClockDrift     the request's time was off
    │   ├── WouldTrigger       the trigger price is already crossed
    │   ├── NothingToReduce    the position is flat
    │   ├── CloseOrderExists   a close-position order of this kind already rests
    │   ├── DuplicateOrder     an order of this client id exists
    │   ├── UnknownOrder       no order of this id exists
    │   ├── NothingToChange    the setting already has this value
    │   ├── InsufficientMargin the account cannot pay for the order
    │   └── InvalidKey         the API key or its signature is refused
    ├── OutcomeUnknown         the order may or may not exist: query it, never send it again
    │   └── UnreadableAnswer   the answer lacks a field, or holds what it should not
    └── RateLimited            not accepted; send nothing before `retry_after_s`
        └── Banned             not accepted; the address is banned for `retry_after_s`
"""

from __future__ import annotations


class VenueFaultError(Exception):
    """A request without success."""


class Rejected(VenueFaultError):
    """Definitely not accepted."""


class Temporary(Rejected):
    """Not accepted because of the moment, not because of the order."""


class ClockDrift(Temporary):
    """Not accepted because the request's time was off."""


class WouldTrigger(Rejected):
    """The trigger price is already crossed."""


class NothingToReduce(Rejected):
    """A reduce-only order found no position."""


class CloseOrderExists(Rejected):
    """A close-position order of this kind already rests."""


class DuplicateOrder(Rejected):
    """An order of this client id exists."""


class UnknownOrder(Rejected):
    """No order of this id exists."""


class NothingToChange(Rejected):
    """The setting already has this value."""


class InsufficientMargin(Rejected):
    """The account cannot pay for the order."""


class InvalidKey(Rejected):
    """The API key or its signature is refused."""


class OutcomeUnknown(VenueFaultError):
    """The request may or may not have been executed."""


class UnreadableAnswer(OutcomeUnknown):
    """The answer lacks a field, or holds what it should not."""


class RateLimited(VenueFaultError):
    """Not accepted; wait before anything else is sent."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Banned(RateLimited):
    """Not accepted; the address is banned."""
