/* What every chart shares: colours of the page, number formats, lazy drawing, hover and keyboard.

   A chart is an element `<div class="chart" data-kind="…" data-source="ID">`; the element ID is a
   JSON data block. A kind registers `draw(box, spec, tools)`, which returns
     step(dx, dy)   move the selection and return its text (arrow keys; Infinity goes to the end),
     zoom(factor)   optional: show less (< 1) or more (> 1) time around the selection,
     resize(width)  redraw at a new width in px,
     remove()       give everything back.
   Times are milliseconds since the epoch. They are shown in the zone of `<html data-timezone>` (UTC without one),
   words in the language of the data block `words` (English without one). */
(function (root) {
  "use strict";

  const kinds = new Map();
  const drawn = new Map();
  const TONES = { accent: "--accent", good: "--good", bad: "--bad", warn: "--warn", soft: "--soft" };

  /** Return a colour of the page as rgb(…), for a canvas; `alpha` from 0 to 1. */
  function colour(name, alpha = 1) {
    const probe = document.createElement("span");
    probe.style.color = `var(${TONES[name] || name})`;
    probe.hidden = true;
    document.body.append(probe);
    const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3);
    probe.remove();
    return `rgba(${parts.join(", ")}, ${alpha})`;
  }

  const signed = (text) => (/^-[0.,]*$/.test(text) ? text.slice(1) : text.replace(/^-/, "−"));

  let words = null;

  /** Return a text in the language of the page, its {placeholders} filled in. */
  function word(text, values = {}) {
    const block = document.getElementById("words");
    words ??= block ? JSON.parse(block.textContent) : {};
    return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /** Write a number in its unit: share, count, price, bp, or the name of a currency. */
  function format(value, unit = "number", digits = 2) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const fixed = (number, places) =>
      signed(number.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }));
    if (unit === "share") return `${fixed(value * 100, digits)} %`;
    if (unit === "count") return fixed(value, 0);
    if (unit === "price") return fixed(value, Math.abs(value) >= 100 ? 2 : Math.abs(value) >= 1 ? 4 : 6);
    if (unit === "number") return fixed(value, digits);
    return `${fixed(value, digits)} ${unit}`;
  }

  /** Write a tick of an axis: as few digits as its step needs. */
  function tick(value, step, unit) {
    const scaled = unit === "share" ? step * 100 : step;
    const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(scaled) + 1e-9)));
    return format(value, unit === "share" ? unit : "number", digits);
  }

  const two = (number) => String(number).padStart(2, "0");
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  const page = document.documentElement.dataset;
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: page.timezone || "UTC",
    hourCycle: "h23",
    ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
  });

  /** Return year, month, day, hour and minute of a time in the zone of the page, as numbers. */
  function partsOf(ms) {
    return Object.fromEntries(clock.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  }

  const QUARTER_MS = 900_000;
  let offset = { quarter: null, ms: 0 };

  /** Return the clock of the page at a time as if it were UTC, in ms. Offsets change at a quarter of an hour. */
  function wallTime(ms) {
    const quarter = Math.floor(ms / QUARTER_MS);
    if (offset.quarter !== quarter) {
      const { year, month, day, hour, minute } = partsOf(quarter * QUARTER_MS);
      offset = { quarter, ms: Date.UTC(year, month - 1, day, hour, minute) - quarter * QUARTER_MS };
    }
    return ms + offset.ms;
  }

  /** Write a time as 2025-06-20 14:05 UTC. */
  function moment(ms) {
    const { year, month, day, hour, minute } = partsOf(ms);
    return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)} ${page.zone || "UTC"}`;
  }

  /** Write a tick of a time axis: the hour, the day where one begins, the year where one begins. */
  function timeTick(ms) {
    const { year, month, day, hour, minute } = partsOf(ms);
    if (hour || minute) return `${two(hour)}:${two(minute)}`;
    return month === 1 && day === 1 ? String(year) : dayTick(ms);
  }

  /** Write the day of a time: 06 May. */
  function dayTick(ms) {
    const { month, day } = partsOf(ms);
    const english = document.documentElement.lang === "en";
    return word("{day} {month}", { day: english ? two(day) : day, month: word(MONTHS[month - 1]) });
  }

  function specOf(id) {
    return JSON.parse(document.getElementById(id).textContent);
  }

  /** Find the index of the last time at or before `ms`; 0 if there is none. */
  function indexAt(times, ms) {
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= ms) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function toolsOf(box) {
    const readout = box.parentElement.querySelector(".readout");
    const rest = readout ? readout.textContent : "";
    return {
      colour,
      format,
      tick,
      moment,
      timeTick,
      dayTick,
      wallTime,
      word,
      zone: page.timezone || "UTC",
      indexAt,
      specOf,
      /** Show the values under the pointer or the selection; nothing restores the first text. */
      say(text) {
        if (readout) readout.textContent = text || rest;
      },
    };
  }

  function draw(box) {
    const kind = kinds.get(box.dataset.kind);
    if (!kind || drawn.has(box) || !box.clientWidth) return;
    const spec = specOf(box.dataset.source);
    if (spec === null) return; // a live page has not heard of it yet
    const tools = toolsOf(box);
    const chart = kind(box, spec, tools);
    drawn.set(box, { chart, tools, width: box.clientWidth });
  }

  function redraw(box) {
    const entry = drawn.get(box);
    if (!entry) return draw(box);
    entry.chart.remove();
    entry.tools.say("");
    box.replaceChildren();
    drawn.delete(box);
    draw(box);
  }

  const ARROWS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
    PageUp: [-10, 0],
    PageDown: [10, 0],
    Home: [-Infinity, 0],
    End: [Infinity, 0],
  };

  function onKey(event) {
    const entry = drawn.get(event.currentTarget);
    if (!entry || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) entry.tools.say(entry.chart.step(...ARROWS[event.key]));
    else if ((event.key === "+" || event.key === "-") && entry.chart.zoom) entry.chart.zoom(event.key === "+" ? 0.7 : 1.4);
    else return;
    event.preventDefault();
  }

  const seen = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "300px" },
  );
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const entry = drawn.get(target);
      if (!entry || !target.clientWidth || target.clientWidth === entry.width) continue;
      entry.width = target.clientWidth;
      entry.chart.resize(entry.width);
    }
  });

  /** Watch every chart below `node`; each is drawn when it comes into view. */
  function start(node = document) {
    for (const box of node.querySelectorAll(".chart[data-kind]")) {
      box.addEventListener("keydown", onKey);
      seen.observe(box);
      sized.observe(box);
    }
  }

  root.Nocturne = {
    register: (name, kind) => kinds.set(name, kind),
    start,
    redrawAll: () => [...drawn.keys()].forEach(redraw),
    drawAll: () => document.querySelectorAll(".chart[data-kind]").forEach(draw),
    redraw,
    word,
    colour,
    format,
    moment,
  };
  root.addEventListener("beforeprint", root.Nocturne.drawAll);
})(window);
