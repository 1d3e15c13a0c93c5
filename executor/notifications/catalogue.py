"""Every alert by its title: how much it matters, and how it reads in Korean."""

from __future__ import annotations

from executor.notifications.alert_store import AlertLevel

CRITICAL = {
    "no confirmed stop in time: closing": "정해진 시간 안에 손절 주문이 확인되지 않아 청산합니다",
    "position could not be closed": "포지션을 청산하지 못했습니다",
    "liquidated: symbol halted": "강제 청산됨: 해당 종목의 거래를 멈춥니다",
    "symbol halted": "해당 종목의 거래를 멈췄습니다",
    "ledger not writable: no entries": "원장에 쓸 수 없어 신규 진입을 멈춥니다",
    "lease lost: no entries": "계정 임대를 잃어 신규 진입을 멈춥니다",
    "the exchange refuses the key: entries off": "거래소가 API 키를 거부해 신규 진입을 멈춥니다",
    "daily loss limit reached": "일일 손실 한도에 도달했습니다",
    "an order traded more than its quantity: closing the excess": (
        "주문이 수량보다 많이 체결되어 초과분을 청산합니다"
    ),
    "no strategy exits for what is open": "열린 포지션의 청산을 맡을 전략이 없습니다",
    "event queue full: entries off": "이벤트 대기열이 가득 차 신규 진입을 멈춥니다",
    "no entries": "신규 진입이 꺼져 있습니다",
}
WARNING = {
    "position differs from the exchange": "포지션이 거래소와 다릅니다",
    "position adopted": "포지션을 인계받았습니다",
    "event not handled": "이벤트를 처리하지 못했습니다",
    "API key": "API 키",
    "unproven strategies may trade": "검증되지 않은 전략이 거래할 수 있습니다",
    "periodic work failed": "주기 작업이 실패했습니다",
    "release not taken": "릴리스를 적용하지 못했습니다",
    "release refused": "릴리스를 거부했습니다",
    "forecasts refused": "예측 파일을 거부했습니다",
    "model drifted": "모델의 예측 오차가 이전과 달라졌습니다",
    "left out": "제외됨",
    "entry refused by the exchange": "거래소가 진입 주문을 거부했습니다",
    "user stream silent: connecting again": "계정 스트림이 조용해 다시 연결합니다",
    "slippage": "슬리피지",
    "market shock: entries pause": "시장 급변으로 신규 진입을 잠시 멈춥니다",
    "entries off until tomorrow": "내일까지 신규 진입을 멈춥니다",
    "stream does not come back": "스트림이 다시 연결되지 않습니다",
    "foreign position taken over": "외부 포지션을 넘겨받았습니다",
    "settings not reloaded": "설정을 다시 읽지 못했습니다",
    "strategies keep their parameters": "바뀐 전략 파라미터를 적용하지 못해 기존 값을 유지합니다",
}
INFO = {
    "first week: capped limits": "첫 주: 한도를 줄여 거래합니다",
    "first week over: full limits": "첫 주가 끝나 전체 한도로 거래합니다",
    "settings changed": "설정이 바뀌었습니다",
    "ledger written again": "원장에 다시 쓸 수 있습니다",
    "executor started": "실행기를 시작했습니다",
    "executor stopped": "실행기를 멈췄습니다",
    "daily summary": "일일 요약",
    "test alert": "시험 알림",
    "🟢 position opened": "🟢 포지션 진입",
    "🔵 position closed": "🔵 포지션 청산",
    "🔴 position closed": "🔴 포지션 청산",
}
FIELDS = {
    "symbol": "종목",
    "side": "방향",
    "entry price": "진입가",
    "exit price": "청산가",
    "quantity": "수량",
    "leverage": "레버리지",
    "stop / take-profit": "손절가 / 익절가",
    "closed by": "청산 사유",
    "move": "변동",
    "profit after fees": "수수료 제외 손익",
    "until": "까지",
    "times before": "이전 횟수",
    "venue": "거래소",
    "order": "주문",
    "reason": "사유",
    "why": "사유",
    "error": "오류",
    "problem": "문제",
    "task": "작업",
    "warning": "경고",
    "loss": "손실",
    "asset": "자산",
    "share": "비율",
    "size": "크기",
    "strategies": "전략",
    "release": "릴리스",
    "model": "모델",
    "kept": "유지",
    "mode": "모드",
    "equity": "자산 평가액",
    "change in 24 h": "24시간 변동",
    "trades in 24 h": "24시간 거래",
    "open positions": "열린 포지션",
    "entries": "신규 진입",
    "alerts waiting": "대기 중인 알림",
    "handler": "처리기",
    "event": "이벤트",
    "queued": "대기 이벤트",
    "time": "시각",
    "minutes": "분",
    "stop": "손절가",
    "stream": "스트림",
    "from": "보낸 곳",
}
VALUES = {"long": "롱", "short": "숏", "none": "없음", "on": "켜짐"}
LEVELS = {
    **dict.fromkeys(CRITICAL, AlertLevel.CRITICAL),
    **dict.fromkeys(WARNING, AlertLevel.WARNING),
    **dict.fromkeys(INFO, AlertLevel.INFO),
}
KOREAN = {**CRITICAL, **WARNING, **INFO}


def _split(title: str) -> tuple[str, str]:
    """A title and what follows it in brackets, as in ``position opened (breakout)``."""
    head, bracket, rest = title.partition(" (")
    return head, bracket + rest


def level_of(title: str) -> AlertLevel:
    """The level of an alert; a title that is not listed is a warning."""
    return LEVELS.get(_split(title)[0], AlertLevel.WARNING)


def title_in(language: str, title: str) -> str:
    """The title in a language (``en`` or ``ko``)."""
    head, rest = _split(title)
    return title if language == "en" else KOREAN.get(head, head) + rest


def field_in(language: str, name: str, value: str) -> tuple[str, str]:
    """The name and the value of a field in a language."""
    if language == "en":
        return name, value
    return FIELDS.get(name, name), VALUES.get(value, value)
