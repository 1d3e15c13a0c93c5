/* Tables that can be sorted by a click on a column, filtered, and unfolded; links open what is folded. */
(function (nocturne) {
  "use strict";

  const SHOWN = matchMedia("(max-width: 720px)").matches ? 3 : 10; // a phone shows a row as a block
  const FILTERED_FROM = 8;

  /** Read a cell: a number where it is one, a text otherwise. */
  function valueOf(cell) {
    const text = cell.textContent.trim();
    const number = Number(text.replace(/−/g, "-").replace(/[,\s]|%|bp$|s$/g, ""));
    if (text === "–" || text === "") return null;
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sortable(table, show) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => {
          const order = compare(valueOf(a.cells[column]), valueOf(b.cells[column]));
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows);
        show();
      });
    });
  }

  function enhance(table) {
    const rows = () => [...table.tBodies[0].rows];
    let unfolded = rows().length <= SHOWN + 2;
    let wanted = "";
    const holder = table.closest(".scroll") || table;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more-rows";

    function show() {
      let count = 0;
      for (const row of rows()) {
        const fits = row.textContent.toLowerCase().includes(wanted);
        row.hidden = !fits || (!unfolded && count >= SHOWN);
        count += fits;
      }
      more.hidden = unfolded || count <= SHOWN;
      more.textContent = nocturne.word("Show all {count}", { count });
    }

    if (rows().length < 2) return;
    sortable(table, show);
    if (table.classList.contains("narrow")) return;
    if (rows().length >= FILTERED_FROM) {
      const input = document.createElement("input");
      input.type = "search";
      input.className = "filter";
      input.placeholder = input.ariaLabel = nocturne.word("Filter rows");
      input.addEventListener("input", () => {
        wanted = input.value.trim().toLowerCase();
        show();
      });
      holder.before(input);
    }
    holder.after(more);
    more.addEventListener("click", () => {
      unfolded = true;
      show();
    });
    show();
  }

  /** Open every fold around the target of the address, and scroll to it. */
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table.rows").forEach(enhance);
    addEventListener("hashchange", reveal);
    reveal();
  });
})(window.Nocturne);
