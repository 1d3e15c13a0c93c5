/* A heat map on a canvas: colour for the sign, depth for the size, numbers where they fit.

   Specification: { across, down, columns: [text], rows: [text], values: [[number or null]] by row,
   unit, digits, biggest, chosen: [row, column] or null, marked: [[row, column]] }. */
(function (nocturne) {
  "use strict";

  const ROW = 28;
  const HEAD = 40;
  const WIDEST = 74;

  function draw(box, spec, tools) {
    const canvas = document.createElement("canvas");
    box.append(canvas);
    const left = Math.min(110, 16 + 7 * Math.max(...spec.rows.map((row) => row.length))) + (spec.down ? 18 : 0);
    const marked = new Set(spec.marked.map(([row, column]) => `${row}/${column}`));
    let selected = null;
    let cell = 0;

    const shown = (value) => tools.format(value, spec.unit, spec.digits).replace(" %", "");

    function textOf([row, column]) {
      const parts = [`${spec.across} ${spec.columns[column]}`.trim()];
      if (spec.rows[row]) parts.push(`${spec.down} ${spec.rows[row]}`.trim());
      parts.push(tools.format(spec.values[row][column], spec.unit, spec.digits));
      if (spec.chosen && spec.chosen[0] === row && spec.chosen[1] === column) parts.push(tools.word("chosen"));
      if (marked.has(`${row}/${column}`)) parts.push(tools.word("on the plateau"));
      return parts.join(" · ");
    }

    function paint() {
      const width = box.clientWidth;
      const height = HEAD + ROW * spec.rows.length;
      const scale = window.devicePixelRatio || 1;
      cell = Math.min(WIDEST, (width - left - 4) / spec.columns.length);
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      pen.font = "12px system-ui, sans-serif";
      pen.textBaseline = "middle";
      const ink = tools.colour("--ink");
      const soft = tools.colour("soft");
      spec.rows.forEach((name, row) => {
        pen.fillStyle = soft;
        pen.textAlign = "right";
        pen.fillText(name, left - 8, row * ROW + ROW / 2);
        spec.columns.forEach((_, column) => paintCell(pen, row, column, ink));
      });
      pen.fillStyle = soft;
      pen.textAlign = "center";
      const nth = Math.max(1, Math.ceil((Math.max(...spec.columns.map((name) => name.length)) * 7 + 6) / cell));
      spec.columns.forEach((name, column) => {
        if (column % nth === 0) pen.fillText(name, left + (column + 0.5) * cell, spec.rows.length * ROW + 12);
      });
      pen.fillText(spec.across, left + (cell * spec.columns.length) / 2, spec.rows.length * ROW + 30);
      if (spec.down) {
        pen.translate(10, (spec.rows.length * ROW) / 2);
        pen.rotate(-Math.PI / 2);
        pen.fillText(spec.down, 0, 0);
      }
    }

    function paintCell(pen, row, column, ink) {
      const value = spec.values[row][column];
      const [x, y] = [left + column * cell, row * ROW];
      if (value === null) {
        pen.strokeStyle = tools.colour("--grid");
        pen.strokeRect(x + 1.5, y + 1.5, cell - 3, ROW - 3);
      } else {
        const depth = value ? 0.12 + 0.68 * Math.min(Math.abs(value) / (spec.biggest || 1), 1) : 1;
        pen.fillStyle = tools.colour(value > 0 ? "--plus" : value < 0 ? "--minus" : "--grid", depth);
        pen.fillRect(x + 1, y + 1, cell - 2, ROW - 2);
        const text = shown(value);
        if (pen.measureText(text).width < cell - 6) {
          pen.fillStyle = ink;
          pen.textAlign = "center";
          pen.fillText(text, x + cell / 2, y + ROW / 2 + 1);
        }
      }
      const isChosen = spec.chosen && spec.chosen[0] === row && spec.chosen[1] === column;
      const isSelected = selected && selected[0] === row && selected[1] === column;
      if (isChosen || isSelected) {
        pen.strokeStyle = isSelected ? tools.colour("accent") : ink;
        pen.lineWidth = 2;
        pen.strokeRect(x + 1, y + 1, cell - 2, ROW - 2);
        pen.lineWidth = 1;
      }
      if (marked.has(`${row}/${column}`)) {
        pen.fillStyle = ink;
        pen.beginPath();
        pen.arc(x + cell - 7, y + 7, 2, 0, 2 * Math.PI);
        pen.fill();
      }
    }

    canvas.addEventListener("pointermove", (event) => {
      const column = Math.floor((event.offsetX - left) / cell);
      const row = Math.floor(event.offsetY / ROW);
      const inside = column >= 0 && column < spec.columns.length && row >= 0 && row < spec.rows.length;
      tools.say(inside ? textOf([row, column]) : "");
    });
    canvas.addEventListener("pointerleave", () => tools.say(""));
    paint();
    return {
      step(dx, dy) {
        const move = (at, by, count) => Math.max(0, Math.min(count - 1, at + by));
        selected = selected
          ? [move(selected[0], dy, spec.rows.length), move(selected[1], dx, spec.columns.length)]
          : spec.chosen || [0, 0];
        paint();
        return textOf(selected);
      },
      resize: paint,
      remove: () => canvas.remove(),
    };
  }

  nocturne.register("heat-map", draw);
})(window.Nocturne);
