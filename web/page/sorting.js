/* Live tables are sorted by a click on a column; the order holds for rows that come later, too. */
(function (nocturne) {
  "use strict";

  const sorts = new Map(); // the column by which a table is sorted, by the name of its part
  const values = new WeakMap(); // what the cells of a row hold

  /** Order two values upwards (way 1) or downwards (-1); a cell without a value is last in both. */
  function compare(a, b, way) {
    const [one, other] = [a ?? null, b ?? null];
    if (one === null || other === null) return (one === null) - (other === null);
    if (typeof one === "number" && typeof other === "number") return way * (one - other);
    return way * String(one).localeCompare(String(other), "en", { numeric: true });
  }

  function remember(row, cells) {
    values.set(row, cells.map((cell) => cell.value));
  }

  function head(table, label) {
    const made = document.createElement("th");
    made.setAttribute("scope", "col");
    made.setAttribute("role", "columnheader");
    made.className = "word";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      const old = sorts.get(table.dataset.part);
      sorts.set(table.dataset.part, { label, down: old?.label === label && !old.down });
      apply(table);
    });
    made.append(button);
    return made;
  }

  function apply(table) {
    const sort = sorts.get(table.dataset.part);
    const heads = [...table.tHead.rows[0].cells];
    for (const one of heads) {
      if (sort?.label === one.textContent) one.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else one.removeAttribute("aria-sort");
    }
    const column = heads.findIndex((one) => one.hasAttribute("aria-sort"));
    if (column < 0) return;
    const rows = [...table.tBodies[0].rows];
    const way = sort.down ? -1 : 1;
    rows.sort((a, b) => compare(values.get(a)[column], values.get(b)[column], way));
    table.tBodies[0].append(...rows);
  }

  nocturne.sorting = { apply, head, remember };
})(window.Nocturne);
