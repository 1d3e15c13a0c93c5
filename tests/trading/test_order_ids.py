"""Client order ids: formed the same way after every crash, and read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.order_ids import (
    ADOPTED_RELEASE,
    LEGS,
    MAX_N,
    OrderIdError,
    format_order_id,
    is_ours,
    order_id,
    order_key,
    parse_order_id,
)

BAR = 1_750_377_600_000  # 2025-06-20T00:00Z
releases = st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=8, max_size=8)
legs = st.sampled_from(sorted(LEGS))
attempts = st.integers(0, MAX_N)


def test_an_id_is_the_same_in_every_process() -> None:
    text = order_id("abcdefgh", "main", "breakout", "BTCUSDT", BAR, "en", 1)
    assert text == "n1-abcdefgh-vgwqnugiic3kxbmu-en-01"


@given(releases, st.text(), st.text(), st.text(), st.integers(0, 2**53), legs, attempts)
def test_every_id_reads_back_and_fits_the_exchange(
    release: str, account: str, strategy: str, symbol: str, bar_time: int, leg: str, n: int
) -> None:
    text = order_id(release, account, strategy, symbol, bar_time, leg, n)
    assert len(text) == 34
    # Binance: ^[\.A-Z\:/a-z0-9_-]{1,36}$
    assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", text)
    parsed = parse_order_id(text)
    assert (parsed.release, parsed.leg, parsed.n) == (release, leg, n)
    assert parsed.key == order_key(account, strategy, symbol, bar_time)
    assert str(parsed) == text


@given(st.integers(0, MAX_N - 1))
def test_ids_sort_by_attempt(n: int) -> None:
    key = order_key("main", "breakout", "BTCUSDT", BAR)
    assert format_order_id("abcdefgh", key, "sl", n) < format_order_id("abcdefgh", key, "sl", n + 1)


@given(releases, releases)
def test_a_change_of_release_does_not_make_a_second_entry_unique(first: str, second: str) -> None:
    ids = [
        parse_order_id(order_id(release, "main", "breakout", "BTCUSDT", BAR, "en", 0))
        for release in (first, second)
    ]
    assert ids[0].unique == ids[1].unique


parts = st.tuples(st.text(), st.text(), st.text(), st.integers(0, 2**53))


@given(parts, parts)
def test_different_bars_have_different_keys(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    assert (order_key(*one) == order_key(*other)) == (one == other)


def test_parts_do_not_flow_into_each_other() -> None:
    assert order_key("a", "bc", "d", 1) != order_key("ab", "c", "d", 1)


def test_an_adopted_position_carries_no_release() -> None:
    text = order_id(ADOPTED_RELEASE, "main", "breakout", "BTCUSDT", BAR, "sl", 3)
    assert parse_order_id(text).release == "00000000"


@pytest.mark.parametrize(
    ("release", "leg", "n", "message"),
    [
        ("ABCDEFGH", "en", 0, "release 'ABCDEFGH'"),
        ("abcdefg", "en", 0, "release 'abcdefg'"),
        ("abcdefg1", "en", 0, "release 'abcdefg1'"),
        ("abcdefgh", "xx", 0, "leg 'xx'"),
        ("abcdefgh", "en", -1, "n = -1"),
        ("abcdefgh", "en", 1024, "n = 1024 in an order id is outside 0 to 1023"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(release: str, leg: str, n: int, message: str) -> None:
    with pytest.raises(OrderIdError, match=re.escape(message)):
        order_id(release, "main", "breakout", "BTCUSDT", BAR, leg, n)


def test_a_key_that_is_not_a_hash_is_refused() -> None:
    with pytest.raises(OrderIdError, match="key 'short'"):
        format_order_id("abcdefgh", "short", "en", 0)


def test_a_bar_before_1970_is_refused() -> None:
    with pytest.raises(OrderIdError, match="bar time -1 ms"):
        order_key("main", "breakout", "BTCUSDT", -1)


GOOD = "n1-abcdefgh-abcdefghijklmnop-en-01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x-MGPB3jSx1234567890",
        GOOD.replace("n1", "n2"),
        GOOD + "\n",
        GOOD[:-1],
        GOOD.upper(),
        GOOD.replace("-en-", "-xx-"),
        GOOD.replace("-01", "-0z"),
    ],
)
def test_a_foreign_id_is_not_parsed(text: str) -> None:
    assert is_ours(GOOD)
    assert not is_ours(text)
    with pytest.raises(OrderIdError, match="is not a client order id of Nocturne"):
        parse_order_id(text)
