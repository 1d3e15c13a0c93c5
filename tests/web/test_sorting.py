"""The order of a live table that is sorted by a click on a column."""

from __future__ import annotations

from importlib import resources

import pytest

from tests.browser.pages import PROGRAM, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]
FILL = """(shown) => {
  const table = document.querySelector("table");
  const { head, remember } = Nocturne.sorting;
  const line = table.createTHead().insertRow();
  line.append(head(table, "Price"));
  for (const value of shown) {
    const row = table.tBodies[0].insertRow();
    row.insertCell().textContent = String(value);
    remember(row, [{ value }]);
  }
}"""


def test_cells_without_a_value_are_last_upwards_and_downwards() -> None:
    script = (resources.files("web") / "page" / "sorting.js").read_text(encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page()
        page.set_content("<table data-part='x'><tbody></tbody></table>")
        page.evaluate("window.Nocturne = {}")
        page.add_script_tag(content=script)
        page.evaluate(FILL, [2, None, 10, -1])
        found = []
        for _ in range(2):
            page.get_by_role("button", name="Price").click()
            found.append(page.locator("td").all_inner_texts())
    assert found == [["-1", "2", "10", "null"], ["10", "2", "-1", "null"]]
