/* Live pages: one WebSocket brings the parts of the page whole, then what changed in them.

   A part fills the element `data-part="NAME"`: a table, a list of facts, or a chart. Messages are
   numbered; after a gap, a lost connection, a silence or a slept tab the page connects again and
   starts from the whole state. */
(function (nocturne) {
  "use strict";

  const STALE_MS = 2500; // the dashboard says something every second
  const DEAD_MS = 6000; // a connection that says nothing for this long is given up
  const CONNECT_MS = 8000; // the browser itself delays those who try more often
  const PROBE_MS = 1000;
  const RETRY_MS = 500;
  const SPEAK_MS = 5000;
  const LOGIN_NEEDED = 4401;

  let number = null;
  let heard = 0;
  let socket = null;
  let begun = 0;
  let probing = false;
  let spokeAt = 0;
  let spokenKey = null;
  const tables = new Map();

  const byId = (id) => document.getElementById(id);
  const placeOf = (name) => document.querySelector(`[data-part="${name}"]`);

  function write(cell) {
    const { value, unit } = cell;
    if (value === null || value === undefined) return "–";
    if (unit === "time") return nocturne.moment(value).slice(0, "2025-06-20 14:05".length);
    if (unit === "seconds") return `${nocturne.format(value, "number", 1)} s`;
    if (unit === "duration") return duration(value);
    if (unit === "change") return (value > 0 ? "+" : "") + nocturne.format(value, "number");
    return unit === "text" ? String(value) : nocturne.format(value, unit);
  }

  function duration(ms) {
    const minutes = Math.round(ms / 60000);
    if (minutes < 60) return `${minutes} min`;
    return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`;
  }

  function element(name, text, more = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(more)) if (value) made.setAttribute(key, value);
    return made;
  }

  function rowOf(key, cells, head) {
    const row = element("tr", "", { role: "row", "data-key": String(key) });
    nocturne.sorting.remember(row, cells);
    row.append(
      ...cells.map((cell, n) => {
        const css = `word ${cell.tone || ""} ${String(write(cell)).length > 24 ? "wide" : ""}`;
        const made = element("td", write(cell), { role: "cell", "data-label": head[n], class: css.trim() });
        if (cell.link && cell.link.startsWith("/why/")) {
          const about = `${write(cell)}: ${write(cells[0])}`;
          made.replaceChildren(element("a", write(cell), { href: cell.link, "aria-label": about }));
        }
        return made;
      }),
    );
    return row;
  }

  /* Rows keep their elements while they do not change: a selection or a scroll stays where it is. */
  function fillTable(place, { head, rows }) {
    const line = element("tr", "", { role: "row" });
    line.append(...head.map((label) => nocturne.sorting.head(place, label)));
    place.tHead.replaceChildren(line);
    const kept = { head, rows: new Map(rows.map(([key, cells]) => [key, rowOf(key, cells, head)])) };
    tables.set(place.dataset.part, kept);
    place.tBodies[0].replaceChildren(...kept.rows.values());
    nocturne.sorting.apply(place);
    showEmpty(place, rows.length);
  }

  function changeTable(place, { put, gone, order }) {
    const kept = tables.get(place.dataset.part);
    const body = place.tBodies[0];
    const fresh = [];
    for (const key of gone) {
      kept.rows.get(key).remove();
      kept.rows.delete(key);
    }
    for (const [key, cells] of put) {
      const row = rowOf(key, cells, kept.head);
      if (kept.rows.has(key)) kept.rows.get(key).replaceWith(row);
      else fresh.push(row);
      kept.rows.set(key, row);
    }
    body.prepend(...fresh);
    if (order) body.append(...order.map((key) => kept.rows.get(key)));
    nocturne.sorting.apply(place);
    showEmpty(place, kept.rows.size);
  }

  /* The rows that have the words of the filter are shown. */
  function applyFilter(name) {
    const field = document.querySelector(`[data-filter="${name}"]`);
    if (!field || !tables.has(name)) return;
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of tables.get(name).rows.values()) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  }

  function showEmpty(place, count) {
    applyFilter(place.dataset.part);
    const section = document.querySelector(`[data-if="${place.dataset.part}"]`);
    if (section) section.hidden = count === 0;
    const empty = document.querySelector(`[data-empty="${place.dataset.part}"]`);
    if (empty) empty.hidden = count > 0;
    place.hidden = count === 0;
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
    document.querySelector('[data-if="equity"]').hidden = false;
    byId("equity-data").textContent = JSON.stringify(data);
    nocturne.redraw(box);
  }

  function fillPrices({ title, bars, trades }) {
    const box = byId("prices");
    if (!box) return;
    document.querySelector('[data-if="prices"]').hidden = bars === null;
    if (bars === null) return;
    byId("prices-title").textContent = title;
    byId("prices-bars").textContent = JSON.stringify(bars);
    byId("prices-data").textContent = JSON.stringify({ bars: "prices-bars", trades });
    nocturne.redraw(box);
  }

  /* Only what is opened or closed and a changed state of the executor is spoken, at most one in five seconds. */
  function speak(text) {
    const now = Date.now();
    if (now - spokeAt < SPEAK_MS) return;
    spokeAt = now;
    byId("spoken").textContent = text;
  }

  function speakTrade({ key, text }) {
    if (spokenKey !== null && key !== spokenKey && text) speak(text);
    spokenKey = key;
  }

  function fillExecutor({ tone, text, more }) {
    const line = byId("executor");
    const said = text.replace(/\d+ s\b/, "");
    if (line.dataset.said && line.dataset.said !== said) speak(`Executor: ${text}`);
    line.dataset.said = said;
    line.textContent = text;
    line.className = tone;
    byId("executor-more").textContent = more;
    document.title = `${tone === "bad" ? "✗ " : ""}${document.title.replace(/^✗ /, "")}`;
  }

  const SPECIAL = { executor: fillExecutor, equity: fillEquity, prices: fillPrices, spoken: speakTrade };

  function fill(name, part) {
    if (SPECIAL[name]) return SPECIAL[name](part);
    const place = placeOf(name);
    if (place) (place.tagName === "TABLE" ? fillTable : fillFacts)(place, part);
  }

  function change(name, changed) {
    if ("whole" in changed) fill(name, changed.whole);
    else if (placeOf(name)) changeTable(placeOf(name), changed);
  }

  function take(message) {
    if ("parts" in message) for (const [name, part] of Object.entries(message.parts)) fill(name, part);
    else if (number === null || message.number !== number + 1) return connect();
    else for (const [name, changed] of Object.entries(message.changes)) change(name, changed);
    number = message.number;
    heard = Date.now();
    show();
  }

  const isOpen = () => socket !== null && socket.readyState === WebSocket.OPEN && number !== null;

  function show() {
    const line = byId("stream");
    const silent = Date.now() - heard;
    const state = !isOpen() ? "offline" : silent > STALE_MS ? `stale ${Math.round(silent / 1000)} s` : "live";
    if (line.textContent !== state) line.textContent = state;
    line.className = state === "live" ? "good" : "bad";
  }

  /* A large message is packed, and comes as bytes. */
  function unpacked(data) {
    if (typeof data === "string") return JSON.parse(data);
    return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  /* What was lost without a word is not waited for: neither its closing nor its answer may come. */
  function connect() {
    const old = socket;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const mine = new WebSocket(`${scheme}://${location.host}${document.body.dataset.live}`);
    [socket, number, begun] = [mine, null, Date.now()];
    if (old) old.close();
    mine.binaryType = "arraybuffer";
    let taken = Promise.resolve(); // unpacking takes a moment: messages keep their order
    mine.addEventListener("message", (event) => {
      taken = taken
        .then(() => unpacked(event.data))
        .then((message) => mine === socket && take(message))
        .catch((fault) => console.error(fault));
    });
    mine.addEventListener("close", (event) => {
      if (mine !== socket) return;
      if (event.code === LOGIN_NEEDED) return location.assign("/login");
      show();
      setTimeout(() => mine === socket && connect(), RETRY_MS);
    });
  }

  function look() {
    show();
    const now = Date.now();
    if (socket.readyState > WebSocket.OPEN) return;
    const patience = socket.readyState === WebSocket.CONNECTING ? CONNECT_MS : DEAD_MS;
    if (now - Math.max(begun, heard) > patience) connect();
    else if (!isOpen() && now - begun > PROBE_MS) probe();
  }

  /* A small request tells that the way is free again: an attempt that was lost is not waited for. */
  async function probe() {
    if (probing) return;
    probing = true;
    const mine = socket;
    try {
      await fetch("/static/style/tokens.css", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
      setTimeout(() => mine === socket && !isOpen() && connect(), RETRY_MS);
    } catch {
      /* not yet */
    } finally {
      probing = false;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.body.dataset.live) return;
    connect();
    for (const field of document.querySelectorAll("[data-filter]"))
      field.addEventListener("input", () => applyFilter(field.dataset.filter));
    setInterval(look, 500);
    window.addEventListener("online", connect);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && Date.now() - heard > STALE_MS) connect();
    });
  });
})(window.Nocturne);
