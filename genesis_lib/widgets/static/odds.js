// The model's class probabilities.

import { isNumber, percent } from "./format.js";
import { POINT } from "./store.js";

export const CLASSES = [
  { column: POINT.NEUTRAL, name: "Neutral", sign: "■", colour: "flat", index: 1 },
  { column: POINT.DOWN, name: "Down", sign: "▼", colour: "down", index: 0 },
  { column: POINT.UP, name: "Up", sign: "▲", colour: "up", index: 2 },
];

export function drawOdds(ctx, theme, store, line, box) {
  const { points, rows, header } = store;
  const { left, right } = box;
  const y = (p) => box.top + (1 - p) * box.height;
  ctx.textBaseline = "middle";
  for (const p of [0, 0.5, 1]) {
    const at = Math.round(y(p)) + 0.5;
    ctx.strokeStyle = p === 0.5 ? theme.grid : theme.line;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(left, at);
    ctx.lineTo(right, at);
    ctx.stroke();
  }
  let seen = false;
  for (const { column, colour } of CLASSES) {
    ctx.strokeStyle = theme[colour];
    ctx.lineWidth = column === POINT.NEUTRAL ? 1.25 : 1.75;
    ctx.beginPath();
    let pen = false;
    for (let i = 0; i < rows; i++) {
      const p = points[i * POINT.WIDTH + column];
      if (isNumber(p)) {
        if (pen) ctx.lineTo(line.x[i], y(p));
        else ctx.moveTo(line.x[i], y(p));
      }
      pen = isNumber(p);
      seen ||= pen;
    }
    ctx.stroke();
  }
  ctx.font = `11px ${theme.sans}`;
  ctx.textAlign = "left";
  ctx.fillStyle = theme.dim;
  ctx.fillText("Probability of the next move", left + 2, box.top - 11);
  labelOdds(ctx, theme, header.signal?.p, y, box, right);
  if (!seen) {
    ctx.fillStyle = theme.dim;
    ctx.font = `13px ${theme.sans}`;
    ctx.textAlign = "center";
    const words = header.model ? "The model is warming up: it needs an unbroken window of rows" : "No model is loaded: no predictions";
    ctx.fillText(words, (left + right) / 2, box.top + box.height / 2);
  }
}

function labelOdds(ctx, theme, p, y, box, right) {
  ctx.font = `11px ${theme.mono}`;
  ctx.fillStyle = theme.dim;
  if (!p) {
    for (const level of [0, 0.5, 1]) ctx.fillText(percent(level, 0), right + 8, y(level));
    return;
  }
  const labels = CLASSES.map((c) => ({ ...c, p: p[c.index], at: y(p[c.index]) })).sort((a, b) => a.at - b.at);
  // Labels sit at their line's end and push each other apart instead of overlapping.
  for (let i = 1; i < labels.length; i++) labels[i].at = Math.max(labels[i].at, labels[i - 1].at + 14);
  const over = labels.at(-1).at - (box.top + box.height - 4);
  if (over > 0) for (const label of labels) label.at -= over;
  for (let i = labels.length - 2; i >= 0; i--) labels[i].at = Math.min(labels[i].at, labels[i + 1].at - 14);
  for (const level of [0, 0.5, 1]) {
    if (labels.every((label) => Math.abs(label.at - y(level)) > 13)) ctx.fillText(percent(level, 0), right + 8, y(level));
  }
  ctx.font = `600 11px ${theme.mono}`;
  for (const label of labels) {
    ctx.fillStyle = theme[label.colour];
    ctx.fillText(`${label.sign} ${percent(label.p, 0)}`, right + 8, label.at);
  }
}
