/* Candles with trades and structures (lightweight-charts).

   Specification: { bars: ID of a data block { interval, times, opens, highs, lows, closes },
   trades: [{ entered, exited, entry, exit, net, side, reason }],
   zones: [{ kind, side, top, bottom, from, to }], swings: [{ side, at, level }],
   breaks: [{ side, from, to, level, change }] }. Times in ms, opening times of the bars ascending. */
(function (nocturne) {
  "use strict";

  const NAMES = { gap: "fair value gap", block: "order block", pool: "liquidity" };
  const HEIGHT = 340;

  /* Draws on the chart's own canvas, under or over the candles, in media pixels. */
  class Layer {
    constructor(order, paint) {
      this.view = { zOrder: () => order, renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(paint) }) };
    }
    paneViews() {
      return [this.view];
    }
  }

  /** Make the time axis whose days, months and years begin by the clock of the page, not at midnight UTC. */
  function timeAxis(tools) {
    const Standard = LightweightCharts.defaultHorzScaleBehavior();
    return new (class extends Standard {
      fillWeightsForPoints(points, start) {
        const moved = points.map((point) => {
          const seconds = tools.wallTime(point.originalTime * 1000) / 1000;
          return { ...point, time: this.convertHorzItemToInternal(seconds) };
        });
        super.fillWeightsForPoints(moved, start);
        for (let i = start; i < points.length; i++) points[i].timeWeight = moved[i].timeWeight;
      }
    })();
  }

  /** Write a tick of the time axis; the library says whether a year, a month, a day or an hour begins at it. */
  function tickText(ms, kind, tools) {
    const { Year, Time } = LightweightCharts.TickMarkType;
    if (kind === Year) return tools.moment(ms).slice(0, 4);
    return kind < Time ? tools.dayTick(ms) : tools.moment(ms).slice(11, 16);
  }

  function options(tools, unit) {
    return {
      autoSize: false,
      layout: {
        attributionLogo: false,
        background: { type: "solid", color: "transparent" },
        textColor: tools.colour("soft"),
        fontFamily: "system-ui, sans-serif",
        fontSize: 12,
      },
      grid: { vertLines: { visible: false }, horzLines: { color: tools.colour("--grid") } },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.08 } },
      timeScale: { borderColor: tools.colour("--line"), timeVisible: true, secondsVisible: false, minBarSpacing: 0.05, tickMarkFormatter: (s, kind) => tickText(s * 1000, kind, tools) },
      crosshair: { mode: 0 },
      localization: { priceFormatter: (price) => tools.format(price, unit), timeFormatter: (s) => tools.moment(s * 1000) },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    };
  }

  function draw(box, spec, tools) {
    const bars = tools.specOf(spec.bars);
    const chart = LightweightCharts.createChartEx(box, timeAxis(tools), { ...options(tools, "price"), width: box.clientWidth, height: HEIGHT });
    const series = chart.addSeries(LightweightCharts.CandlestickSeries, {
      upColor: tools.colour("--panel"),
      downColor: tools.colour("soft"),
      borderColor: tools.colour("soft"),
      wickColor: tools.colour("soft"),
      priceLineVisible: false,
      lastValueVisible: false,
    });
    series.setData(
      bars.times.map((time, i) => ({
        time: time / 1000,
        open: bars.opens[i],
        high: bars.highs[i],
        low: bars.lows[i],
        close: bars.closes[i],
      })),
    );
    const barOf = (ms) => tools.indexAt(bars.times, ms);
    /* The library places whole bars only: the share of the bar that has passed is added here. */
    const place = {
      x(ms) {
        const index = barOf(ms);
        const share = Math.min(1, Math.max(0, (ms - bars.times[index]) / bars.interval)) - 0.5;
        const [here, next] = [index, index + 1].map((at) => chart.timeScale().logicalToCoordinate(at));
        return here === null ? null : here + share * (next - here);
      },
      y: (price) => series.priceToCoordinate(price),
    };
    series.attachPrimitive(new Layer("bottom", ({ context }) => paintStructures(context, spec, place, tools)));
    series.attachPrimitive(new Layer("top", ({ context }) => paintTrades(context, spec, place, tools)));
    LightweightCharts.createSeriesMarkers(series, markersOf(spec, bars, barOf, tools));
    chart.timeScale().fitContent();

    const tradesOf = (index) => spec.trades.filter((one) => barOf(one.entered) === index || barOf(one.exited) === index);

    function textAt(index) {
      const parts = [tools.moment(bars.times[index])];
      for (const [name, column] of [["O", bars.opens], ["H", bars.highs], ["L", bars.lows], ["C", bars.closes]])
        parts.push(`${tools.word(name)} ${tools.format(column[index], "price")}`);
      for (const one of tradesOf(index)) parts.push(tradeText(one, tools));
      for (const zone of spec.zones || []) {
        const alive = zone.from <= bars.times[index] && bars.times[index] < zone.to;
        if (alive && zone.bottom <= bars.highs[index] && zone.top >= bars.lows[index]) parts.push(zoneText(zone, tools));
      }
      return parts.join(" · ");
    }

    let selected = null;
    let byKeyboard = false;
    chart.subscribeCrosshairMove((event) => {
      if (byKeyboard) return;
      if (!event.time) return tools.say("");
      selected = barOf(event.time * 1000);
      tools.say(textAt(selected));
    });
    return {
      /* Up and down jump between trades, left and right between candles. */
      step(dx, dy) {
        const last = bars.times.length - 1;
        if (dy && spec.trades.length) selected = nextTrade(spec, barOf, selected ?? (dy > 0 ? -1 : last + 1), dy);
        else if (selected === null && Number.isFinite(dx)) selected = last;
        else selected = Math.max(0, Math.min(last, (selected ?? 0) + dx));
        byKeyboard = true;
        chart.setCrosshairPosition(bars.closes[selected], bars.times[selected] / 1000, series);
        keepInView(chart, selected);
        byKeyboard = false;
        return textAt(selected);
      },
      zoom(factor) {
        const range = chart.timeScale().getVisibleLogicalRange();
        const middle = selected ?? (range.from + range.to) / 2;
        const half = Math.max(5, ((range.to - range.from) * factor) / 2);
        chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
      },
      resize: (width) => {
        chart.resize(width, HEIGHT);
        chart.timeScale().fitContent();
      },
      remove: () => chart.remove(),
    };
  }

  function keepInView(chart, index) {
    const range = chart.timeScale().getVisibleLogicalRange();
    if (!range || (range.from <= index && index <= range.to)) return;
    const half = (range.to - range.from) / 2;
    chart.timeScale().setVisibleLogicalRange({ from: index - half, to: index + half });
  }

  function nextTrade(spec, barOf, from, direction) {
    const entries = [...new Set(spec.trades.map((one) => barOf(one.entered)))].sort((a, b) => a - b);
    const ahead = direction > 0 ? entries.find((at) => at > from) : entries.filter((at) => at < from).pop();
    return ahead ?? (direction > 0 ? entries[entries.length - 1] : entries[0]);
  }

  function tradeText(one, tools) {
    const side = tools.word(one.side >= 0 ? "long" : "short");
    const prices = `${tools.format(one.entry, "price")} → ${tools.format(one.exit, "price")}`;
    return `${side} ${prices}, ${tools.format(one.net, "share")} (${one.reason})`;
  }

  function zoneText(zone, tools) {
    const words = zone.kind === "pool" ? ["buy-side", "sell-side"] : ["bullish", "bearish"];
    const name = `${tools.word(words[zone.side > 0 ? 0 : 1])} ${tools.word(NAMES[zone.kind])}`;
    const [low, high] = [zone.bottom, zone.top].map((price) => tools.format(price, "price"));
    if (zone.kind === "pool") return tools.word("{name} {price}", { name, price: high });
    return tools.word("{name} {low} to {high}", { name, low, high });
  }

  function markersOf(spec, bars, barOf, tools) {
    const first = bars.times[0];
    const last = bars.times[bars.times.length - 1] + bars.interval;
    const markers = [];
    for (const one of spec.trades) {
      if (one.entered < first || one.exited > last) continue;
      const long = one.side >= 0;
      const tone = tools.colour(one.net > 0 ? "good" : "bad");
      markers.push({
        time: bars.times[barOf(one.entered)] / 1000,
        position: long ? "belowBar" : "aboveBar",
        shape: long ? "arrowUp" : "arrowDown",
        color: tools.colour("accent"),
      });
      markers.push({ time: bars.times[barOf(one.exited)] / 1000, position: "atPriceMiddle", price: one.exit, shape: "circle", color: tone, size: 0.6 });
    }
    return markers.sort((a, b) => a.time - b.time);
  }

  function paintTrades(pen, spec, place, tools) {
    pen.lineWidth = 1.3;
    pen.setLineDash([4, 3]);
    for (const one of spec.trades) {
      pen.strokeStyle = tools.colour(one.net > 0 ? "good" : "bad");
      segment(pen, place.x(one.entered), place.y(one.entry), place.x(one.exited), place.y(one.exit));
    }
    pen.setLineDash([]);
  }

  function paintStructures(pen, spec, place, tools) {
    for (const zone of spec.zones || []) {
      const tone = zone.side > 0 ? "good" : "bad";
      const [x, y, right, bottom] = [place.x(zone.from), place.y(zone.top), place.x(zone.to), place.y(zone.bottom)];
      if (zone.kind === "pool") {
        pen.setLineDash([1, 3]);
        pen.strokeStyle = tools.colour(tone, 0.7);
        segment(pen, x, y, right, y);
        pen.setLineDash([]);
      } else {
        pen.fillStyle = tools.colour(tone, zone.kind === "block" ? 0.17 : 0.09);
        pen.fillRect(x, y, Math.max(right - x, 0.5), Math.max(bottom - y, 0.8));
      }
    }
    for (const one of spec.breaks || []) {
      pen.strokeStyle = tools.colour(one.change ? "warn" : "soft", 0.8);
      segment(pen, place.x(one.from), place.y(one.level), place.x(one.to), place.y(one.level));
    }
    pen.strokeStyle = tools.colour("soft", 0.6);
    for (const one of spec.swings || []) {
      const [x, y] = [place.x(one.at), place.y(one.level) - 4 * one.side];
      segment(pen, x - 3, y, x + 3, y);
    }
  }

  function segment(pen, x1, y1, x2, y2) {
    if ([x1, y1, x2, y2].some((value) => value === null)) return;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }

  nocturne.register("candles", draw);
})(window.Nocturne);
