"""Refusals of KIS with their ``msg_cd`` and text.

Codes and texts are those that users of the virtual-trading hosts report; where only the text is
known, ``UNKNOWN`` stands for the code.
"""

from __future__ import annotations

from sandbox.engines.common.error_codes import ExchangeError

UNKNOWN = "40000000"


class KisError(ExchangeError):
    """A refusal with the ``msg_cd`` and ``rt_cd`` of KIS; business refusals have status 200."""

    def __init__(self, msg_cd: str, message: str, status: int = 200, rt_cd: str = "1") -> None:
        digits = "".join(filter(str.isdigit, msg_cd))
        super().__init__(-int(digits or 1), message, status)
        self.msg_cd = msg_cd
        self.rt_cd = rt_cd

    def body(self) -> dict[str, object]:  # type: ignore[override]
        """Return the JSON body of the response."""
        return {"rt_cd": self.rt_cd, "msg_cd": self.msg_cd, "msg1": self.message}


def refused(reason: str) -> KisError:
    """Return the refusal of an order for a ``reason`` in Korean."""
    return KisError(UNKNOWN, f"모의투자 주문처리가 안되었습니다({reason})")


def no_funds() -> KisError:
    """Return the refusal of an order that costs more than the account has."""
    return KisError("40250000", "모의투자 주문가능금액이 부족합니다.")


def no_shares() -> KisError:
    """Return the refusal of a sale of more shares than the account has."""
    return KisError("40240000", "모의투자 잔고내역이 없습니다.")


def outside_limits() -> KisError:
    """Return the refusal of a price outside the day's limits."""
    return KisError(UNKNOWN, "모의투자 상/하한가 오류")


def nothing_left() -> KisError:
    """Return the refusal to correct or cancel an order that has ended."""
    return KisError("40330000", "모의투자 정정/취소할 수량이 없습니다.")


CLOSED = {
    "holiday": ("40100000", "모의투자 영업일이 아닙니다."),
    "before": ("40570000", "모의투자 장시작전 입니다."),
    "after": ("40580000", "모의투자 장종료 입니다."),
}


def closed(phase: str) -> KisError:
    """Return the refusal of an order outside the session."""
    return KisError(*CLOSED[phase])
