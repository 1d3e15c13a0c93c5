/* Curves over time, one panel below the other on one time axis (uPlot).

   Specification: { times: [ms], stepped: bool, panels: [{ height, unit, digits,
   series: [{ label, tone, values, area, base }] }] }. */
(function (nocturne) {
  "use strict";

  const GUTTER = 68;

  function panelOf(box, spec, panel, last, sync, tools) {
    const paths = spec.stepped ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
    const axis = {
      stroke: tools.colour("soft"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: tools.colour("--grid"), width: 1 },
      ticks: { show: false },
    };
    const series = panel.series.map((one) => ({
      label: one.label,
      stroke: tools.colour(one.tone),
      width: 1.6,
      paths,
      points: { show: spec.times.length < 3 },
      fill: one.area ? tools.colour(one.tone, 0.12) : undefined,
      fillTo: one.base === undefined ? undefined : () => one.base,
    }));
    const options = {
      width: box.clientWidth,
      height: panel.height + (last ? 26 : 0),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), tools.zone === "UTC" ? "Etc/UTC" : tools.zone),
      legend: { show: false },
      cursor: { sync: { key: sync.key }, drag: { x: true, y: false, uni: 12 }, points: { size: 6 } },
      scales: { y: { range: (_, low, high) => padded(low, high, panel.series) } },
      series: [{}, ...series],
      axes: [
        { ...axis, show: last, size: 26, space: 64, values: (_, splits) => splits.map(tools.timeTick) },
        { ...axis, size: GUTTER, space: 30, values: (_, splits) => ticksOf(splits, panel.unit, tools) },
      ],
      hooks: { setCursor: [(plot) => sync.moved(plot)] },
      padding: [8, 24, 0, 0],
    };
    return new uPlot(options, [spec.times, ...panel.series.map((one) => one.values)], box);
  }

  function padded(low, high, series) {
    const bases = series.map((one) => one.base).filter((base) => base !== undefined);
    const from = Math.min(low ?? 0, ...bases);
    const to = Math.max(high ?? 0, ...bases);
    const air = (to - from) * 0.06 || Math.max(Math.abs(to), 1e-9) * 0.01;
    return [bases.includes(from) ? from : from - air, bases.includes(to) ? to : to + air];
  }

  function ticksOf(splits, unit, tools) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    return splits.map((value) => tools.tick(value, step, unit));
  }

  function textAt(spec, index, tools) {
    const parts = [tools.moment(spec.times[index])];
    for (const panel of spec.panels)
      for (const one of panel.series)
        parts.push(`${one.label} ${tools.format(one.values[index], panel.unit, panel.digits)}`);
    return parts.join(" · ");
  }

  function draw(box, spec, tools) {
    let selected = null;
    let byKeyboard = false;
    const sync = {
      key: box.id,
      moved(plot) {
        if (byKeyboard || plot !== plots[0]) return;
        if (plot.cursor.idx === null || plot.cursor.left < 0) tools.say("");
        else tools.say(textAt(spec, (selected = plot.cursor.idx), tools));
      },
    };
    const plots = [];
    spec.panels.forEach((panel, n) => plots.push(panelOf(box, spec, panel, n === spec.panels.length - 1, sync, tools)));
    uPlot.sync(sync.key);
    return {
      step(dx) {
        const last = spec.times.length - 1;
        selected = selected === null && Number.isFinite(dx) ? last : Math.max(0, Math.min(last, (selected ?? 0) + dx));
        byKeyboard = true;
        for (const plot of plots) plot.setCursor({ left: plot.valToPos(spec.times[selected], "x"), top: -10 }, false);
        byKeyboard = false;
        return textAt(spec, selected, tools);
      },
      zoom(factor) {
        const middle = spec.times[selected ?? spec.times.length - 1];
        for (const plot of plots) {
          const { min, max } = plot.scales.x;
          const half = ((max - min) * factor) / 2;
          const low = Math.max(spec.times[0], middle - half);
          plot.setScale("x", { min: low, max: Math.min(spec.times[spec.times.length - 1], low + 2 * half) });
        }
      },
      resize: (width) => plots.forEach((plot) => plot.setSize({ width, height: plot.height })),
      remove: () => plots.forEach((plot) => plot.destroy()),
    };
  }

  nocturne.register("curves", draw);
})(window.Nocturne);
