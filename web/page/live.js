/* Live pages: one WebSocket brings the whole state first, then the parts that changed.

   A part fills the element `data-part="NAME"`: a table, a list of facts, or the chart. After a gap,
   a lost connection or a slept tab the page connects again and starts from the whole state. */
(function (nocturne) {
  "use strict";

  const STALE_MS = 3000;
  const RETRY_MS = 1000;
  const SPEAK_MS = 5000;

  let number = null;
  let heard = 0;
  let socket = null;
  let spokeAt = 0;
  let tradesSeen = null;

  const byId = (id) => document.getElementById(id);

  function write(cell) {
    const { value, unit } = cell;
    if (value === null || value === undefined) return "–";
    if (unit === "time") return nocturne.moment(value).replace(" UTC", "");
    if (unit === "seconds") return `${nocturne.format(value, "number", 1)} s`;
    if (unit === "change") return (value > 0 ? "+" : "") + nocturne.format(value, "number");
    return unit === "text" ? String(value) : nocturne.format(value, unit);
  }

  function element(name, text, more = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(more)) if (value) made.setAttribute(key, value);
    return made;
  }

  function fillTable(table, { head, rows }) {
    const line = element("tr", "", { role: "row" });
    line.append(...head.map((label) => element("th", label, { scope: "col", role: "columnheader", class: "word" })));
    table.tHead.replaceChildren(line);
    table.tBodies[0].replaceChildren(
      ...rows.map((cells) => {
        const row = element("tr", "", { role: "row" });
        row.append(
          ...cells.map((cell, n) => {
            const css = `word ${cell.tone || ""} ${String(write(cell)).length > 24 ? "wide" : ""}`;
            return element("td", write(cell), { role: "cell", "data-label": head[n], class: css.trim() });
          }),
        );
        return row;
      }),
    );
    const empty = document.querySelector(`[data-empty="${table.dataset.part}"]`);
    if (empty) empty.hidden = rows.length > 0;
    table.hidden = rows.length === 0;
  }

  function fillFacts(list, facts) {
    list.replaceChildren(
      ...facts.map((fact) => {
        const box = document.createElement("div");
        box.append(element("dt", fact.label), element("dd", write(fact), { class: fact.tone }));
        if (fact.note) box.append(element("dd", fact.note, { class: "sub" }));
        return box;
      }),
    );
  }

  function fillEquity(data) {
    const box = byId("equity");
    if (!box || data.times.length < 2) return;
    byId("equity-data").textContent = JSON.stringify(data);
    nocturne.redraw(box);
  }

  /* Only closed trades and a changed state of the executor are spoken, at most one in five seconds. */
  function speak(text) {
    const now = Date.now();
    if (now - spokeAt < SPEAK_MS) return;
    spokeAt = now;
    byId("spoken").textContent = text;
  }

  function fillExecutor({ tone, text, more }) {
    const line = byId("executor");
    if (line.textContent && line.textContent !== text) speak(`Executor: ${text}`);
    line.textContent = text;
    line.className = tone;
    byId("executor-more").textContent = more;
    document.title = `${tone === "bad" ? "✗ " : ""}${document.title.replace(/^✗ /, "")}`;
  }

  function fill(name, part) {
    if (name === "executor") return fillExecutor(part);
    if (name === "equity") return fillEquity(part);
    if (name === "trades") {
      const count = part.rows.length;
      if (tradesSeen !== null && count > tradesSeen) speak(`Closed: ${part.rows[0].slice(1, 3).map(write).join(" by ")}, ${write(part.rows[0][6])}`);
      tradesSeen = count;
    }
    const place = document.querySelector(`[data-part="${name}"]`);
    if (place) (place.tagName === "TABLE" ? fillTable : fillFacts)(place, part);
  }

  function show() {
    const line = byId("stream");
    const silent = Date.now() - heard;
    const isOpen = socket && socket.readyState === WebSocket.OPEN;
    const state = !isOpen ? "offline" : silent > STALE_MS ? `stale ${Math.round(silent / 1000)} s` : "live";
    if (line.textContent !== state) line.textContent = state;
    line.className = state === "live" ? "good" : "bad";
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    number = null;
    socket = new WebSocket(`${scheme}://${location.host}${document.body.dataset.live}`);
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      const follows = number === null || message.number === number || message.number > number;
      if (!follows) return socket.close();
      number = message.number;
      heard = Date.now();
      for (const [name, part] of Object.entries(message.parts)) fill(name, part);
      show();
    });
    socket.addEventListener("close", (event) => {
      show();
      if (event.code === 4401) location.assign("/login");
      else setTimeout(connect, RETRY_MS);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.body.dataset.live) return;
    connect();
    setInterval(show, 500);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && Date.now() - heard > STALE_MS && socket) socket.close();
    });
  });
})(window.Nocturne);
