"""Rules of instruments from a file, with and without brackets."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from sandbox.api.usdm.market_json import bracket_json
from sandbox.engines.common.instruments import (
    MAJOR_BRACKETS,
    build_brackets,
    derive_instrument,
    read_instruments,
)

D = Decimal
SAMPLE = Path(__file__).parents[3] / "data_lake" / "sample" / "instruments.json"


def test_derived_rules_reach_far_beyond_finely_quoted_prices() -> None:
    rules = derive_instrument("LTCUSDT", [55.37614667], [1.5])
    assert rules.max_price >= 50_000


def test_bundled_brackets_are_those_that_lake_and_simulation_read() -> None:
    listed = {
        e["symbol"]: e["brackets"] for e in json.loads(SAMPLE.read_text())["leverageBrackets"]
    }
    found = read_instruments(SAMPLE)
    assert set(listed) == set(found) == {"BTCUSDT", "ETHUSDT", "FILUSDT"}
    for symbol, rows in listed.items():
        assert bracket_json(found[symbol])["brackets"] == rows
        reckoned = build_brackets(
            (r["initialLeverage"], str(r["notionalCap"]), str(r["maintMarginRatio"])) for r in rows
        )
        assert found[symbol].brackets == reckoned  # `cum` is what makes the margin continuous


def test_bracket_without_a_cap_has_no_end_and_a_symbol_without_brackets_gets_built_in_ones(
    tmp_path: Path,
) -> None:
    document = json.loads(SAMPLE.read_text())
    row = {"bracket": 1, "initialLeverage": 20, "notionalFloor": 0, "notionalCap": None}
    row |= {"maintMarginRatio": 0.025, "cum": 0}
    document["leverageBrackets"] = [{"symbol": "ETHUSDT", "brackets": [row]}]
    file = tmp_path / "instruments.json"
    file.write_text(json.dumps(document))
    found = read_instruments(file)
    assert found["ETHUSDT"].maintenance(D(10**12)) == D("0.025") * 10**12
    assert found["ETHUSDT"].max_notional(20) == 2**63 - 1
    assert found["BTCUSDT"].brackets == MAJOR_BRACKETS
