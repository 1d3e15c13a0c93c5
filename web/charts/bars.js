/* Bars by category, several side by side, and dots (uPlot).

   Bars: { labels: [text], unit, digits, exclusive, series: [{ label, tone, values }] }; the tone
   "sign" colours by the sign of each value; exclusive series have one value a label between them. Dots: { x: { label, unit }, y: { label, unit },
   series: [{ label, tone, points: [[x, y, text]] }] }. */
(function (nocturne) {
  "use strict";

  const HEIGHT = 200;
  const GROUP = 0.8;

  function axesOf(tools, x, y) {
    const common = {
      stroke: tools.colour("soft"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: tools.colour("--grid"), width: 1 },
      ticks: { show: false },
    };
    return [
      { ...common, size: 28, ...x },
      { ...common, size: 68, space: 30, ...y },
    ];
  }

  function ticksOf(unit, tools) {
    return (_, splits) => splits.map((value) => tools.tick(value, splits.length > 1 ? splits[1] - splits[0] : 1, unit));
  }

  function frame(box, tools, more) {
    return {
      width: box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false }, points: { show: false } },
      padding: [10, 12, 0, 0],
      ...more,
    };
  }

  /* Each series has its own positions; where another one stands, its value is missing. */
  function columnsOf(spec) {
    const groups = spec.exclusive ? 1 : spec.series.length;
    const width = GROUP / groups;
    const xs = [];
    const columns = [];
    const tones = [];
    spec.labels.forEach((_, i) => {
      for (let s = 0; s < groups; s++) xs.push(i + (s - (groups - 1) / 2) * width);
    });
    spec.series.forEach((one, s) => {
      const split = one.tone === "sign" ? [["good", (v) => v >= 0], ["bad", (v) => v < 0]] : [[one.tone, () => true]];
      for (const [tone, keeps] of split) {
        const column = xs.map(() => null);
        one.values.forEach((value, i) => {
          if (value !== null && keeps(value)) column[i * groups + (s % groups)] = value;
        });
        columns.push(column);
        tones.push(tone);
      }
    });
    return { xs, columns, tones };
  }

  function drawBars(box, spec, tools) {
    const { xs, columns, tones } = columnsOf(spec);
    const paths = uPlot.paths.bars({ size: [0.86, 44, 2] });
    const textOf = (i) =>
      spec.series
        .filter((one) => one.values[i] !== null || !spec.exclusive)
        .map((one) => `${one.label} ${tools.format(one.values[i], spec.unit, spec.digits)}`)
        .reduce((text, part) => `${text} · ${part}`, spec.labels[i]);
    let selected = null;
    let byKeyboard = false;
    const options = frame(box, tools, {
      scales: {
        x: { time: false, range: [-0.6, spec.labels.length - 0.4] },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0) * 1.08, Math.max(0, high ?? 0) * 1.08 || 1] },
      },
      series: [{}, ...tones.map((tone) => ({ fill: tools.colour(tone, 0.85), width: 0, paths, points: { show: false } }))],
      axes: axesOf(
        tools,
        {
          grid: { show: false },
          space: 1,
          splits: (plot) => everyNth(spec.labels, plot.width - 80),
          values: (_, splits) => splits.map((i) => spec.labels[i] ?? ""),
        },
        { values: ticksOf(spec.unit, tools) },
      ),
      hooks: {
        setCursor: [
          (plot) => {
            if (byKeyboard) return;
            if (plot.cursor.left < 0) return tools.say("");
            selected = clamp(Math.round(plot.posToVal(plot.cursor.left, "x")), spec.labels.length);
            tools.say(textOf(selected));
          },
        ],
      },
    });
    const plot = new uPlot(options, [xs, ...columns], box);
    return {
      step(dx, dy) {
        selected = clamp(selected === null ? 0 : selected + (dx || dy), spec.labels.length);
        byKeyboard = true;
        plot.setCursor({ left: plot.valToPos(selected, "x"), top: 10 });
        byKeyboard = false;
        return textOf(selected);
      },
      resize: (width) => plot.setSize({ width, height: HEIGHT }),
      remove: () => plot.destroy(),
    };
  }

  const clamp = (index, count) => Math.max(0, Math.min(count - 1, index));

  function everyNth(labels, width) {
    const longest = Math.max(...labels.map((label) => label.length)) * 6.6 + 14;
    const nth = Math.max(1, Math.ceil((labels.length * longest) / Math.max(width, 1)));
    return labels.map((_, i) => i).filter((i) => i % nth === 0);
  }

  function drawDots(box, spec, tools) {
    const dots = spec.series
      .flatMap((one) => one.points.map(([x, y, text]) => ({ x, y, text, tone: one.tone })))
      .sort((a, b) => a.x - b.x);
    const columns = spec.series.map((one) => dots.map((dot) => (dot.tone === one.tone ? dot.y : null)));
    let selected = null;
    let byKeyboard = false;
    const options = frame(box, tools, {
      height: HEIGHT + 40,
      cursor: { drag: { x: false }, points: { size: 9 } },
      scales: { x: { time: false } },
      series: [
        {},
        ...spec.series.map((one) => ({
          stroke: tools.colour(one.tone),
          paths: () => null,
          points: { show: true, size: 6, fill: tools.colour(one.tone, 0.7), width: 0 },
        })),
      ],
      axes: axesOf(
        tools,
        { size: 46, label: spec.x.label, labelSize: 20, labelFont: "12px system-ui, sans-serif", values: ticksOf(spec.x.unit, tools) },
        { values: ticksOf(spec.y.unit, tools) },
      ),
      hooks: {
        setCursor: [
          (plot) => {
            if (byKeyboard) return;
            if (plot.cursor.left < 0 || plot.cursor.idx === null) return tools.say("");
            selected = nearest(plot, dots);
            tools.say(dots[selected].text);
          },
        ],
      },
    });
    const plot = new uPlot(options, [dots.map((dot) => dot.x), ...columns], box);
    return {
      step(dx, dy) {
        selected = clamp(selected === null ? 0 : selected + (dx || dy), dots.length);
        byKeyboard = true;
        plot.setCursor({ left: plot.valToPos(dots[selected].x, "x"), top: plot.valToPos(dots[selected].y, "y") });
        byKeyboard = false;
        return dots[selected].text;
      },
      resize: (width) => plot.setSize({ width, height: plot.height }),
      remove: () => plot.destroy(),
    };
  }

  function nearest(plot, dots) {
    let best = 0;
    let closest = Infinity;
    dots.forEach((dot, i) => {
      const dx = plot.valToPos(dot.x, "x") - plot.cursor.left;
      const dy = plot.valToPos(dot.y, "y") - plot.cursor.top;
      if (dx * dx + dy * dy < closest) [best, closest] = [i, dx * dx + dy * dy];
    });
    return best;
  }

  nocturne.register("bars", drawBars);
  nocturne.register("dots", drawDots);
})(window.Nocturne);
