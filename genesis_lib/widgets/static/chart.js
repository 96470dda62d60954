// Price and class probabilities on one time axis.

import { clockTime, decimalsOf, fixed, isNumber, percent, span } from "./format.js";
import { CLASSES, drawOdds } from "./odds.js";
import { drawPrice } from "./price.js";
import { POINT } from "./store.js";
import { hatch } from "./surface.js";
import { Timeline } from "./timeline.js";

const LEFT = 12;
const RIGHT = 84;
const TOP = 14;
const AXIS = 22;
const BETWEEN = 24;

export function drawChart(surface, store, theme, scale, pointer) {
  const ctx = surface.begin(theme.panel);
  const { width, height } = surface;
  const inner = height - TOP - AXIS - BETWEEN;
  const right = width - RIGHT;
  const price = { left: LEFT, right, top: TOP, height: Math.round(inner * 0.68) };
  const odds = { left: LEFT, right, top: TOP + price.height + BETWEEN, height: inner - price.height };
  const { points, header, rows } = store;
  ctx.lineJoin = "round";
  if (!rows || !header) {
    emptyChart(ctx, theme, width, price.top + price.height / 2);
    return;
  }
  const line = new Timeline(points, LEFT, right - 8);
  drawTimeAxis(ctx, theme, line, { top: price.top, bottom: height - AXIS, left: LEFT, right });
  shadeInvalid(ctx, theme, points, rows, line, price.top, odds.top + odds.height - price.top);
  drawPrice(ctx, theme, store, line, price, scale);
  drawOdds(ctx, theme, store, line, odds);
  for (const hole of line.breaks) drawBreak(ctx, theme, hole, price.top, odds.top + odds.height - price.top);
  if (pointer) drawCross(ctx, theme, store, line, pointer, { price, odds, right });
}

function emptyChart(ctx, theme, width, y) {
  ctx.fillStyle = theme.dim;
  ctx.font = `13px ${theme.sans}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText("Waiting for the first book rows: price and predictions appear here", width / 2, y);
}

function drawTimeAxis(ctx, theme, line, box) {
  ctx.font = `11px ${theme.sans}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const { x, ms, step } of line.labels(Math.max(2, (box.right - box.left) / 110))) {
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(Math.round(x) + 0.5, box.top);
    ctx.lineTo(Math.round(x) + 0.5, box.bottom);
    ctx.stroke();
    ctx.fillStyle = theme.dim;
    if (x > box.left + 24 && x < box.right - 24) ctx.fillText(clockTime(ms, step < 1000 ? 1 : 0), x, box.bottom + AXIS / 2 + 1);
  }
}

function shadeInvalid(ctx, theme, points, rows, line, top, height) {
  for (let i = 0; i < rows; i++) {
    if (points[i * POINT.WIDTH + POINT.VALID]) continue;
    let end = i;
    while (end + 1 < rows && !points[(end + 1) * POINT.WIDTH + POINT.VALID]) end++;
    const from = line.x[i];
    const to = Math.max(end + 1 < rows ? line.x[end + 1] : line.x[end], from + 3);
    hatch(ctx, from - 1, top, to - from + 1, height, theme.warn);
    i = end;
  }
}

function drawBreak(ctx, theme, hole, top, height) {
  const middle = (hole.left + hole.right) / 2;
  ctx.fillStyle = theme.panel;
  ctx.fillRect(hole.left + 1, top, hole.right - hole.left - 2, height);
  hatch(ctx, hole.left + 1, top, hole.right - hole.left - 2, height, theme.dim);
  ctx.save();
  ctx.translate(middle, top + height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.font = `11px ${theme.sans}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const words = `no data for ${span(hole.ms)}`;
  const room = ctx.measureText(words).width + 12;
  ctx.fillStyle = theme.panel;
  ctx.fillRect(-room / 2, -8, room, 16);
  ctx.fillStyle = theme.text;
  ctx.fillText(words, 0, 0);
  ctx.restore();
}

function drawCross(ctx, theme, store, line, pointer, box) {
  if (pointer.x < LEFT || pointer.x > box.right) return;
  const i = line.nearest(pointer.x);
  if (i < 0) return;
  const x = Math.round(line.x[i]) + 0.5;
  const cell = (column) => store.points[i * POINT.WIDTH + column];
  ctx.strokeStyle = theme.dim;
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  ctx.moveTo(x, box.price.top);
  ctx.lineTo(x, box.odds.top + box.odds.height);
  ctx.stroke();
  ctx.setLineDash([]);
  const rows = [clockTime(cell(POINT.TS), 3), `Mid ${fixed(cell(POINT.MID), decimalsOf(store.header.tick_size) + 1)}`];
  if (isNumber(cell(POINT.UP))) for (const c of [CLASSES[2], CLASSES[0], CLASSES[1]]) rows.push(`${c.sign} ${percent(cell(c.column))}`);
  if (!cell(POINT.VALID)) rows.push("not valid");
  const wide = 124;
  const left = x + 12 + wide > box.right ? x - 12 - wide : x + 12;
  ctx.fillStyle = theme.bg;
  ctx.globalAlpha = 0.92;
  ctx.fillRect(left, box.price.top + 4, wide, rows.length * 17 + 10);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = theme.line;
  ctx.strokeRect(left + 0.5, box.price.top + 4.5, wide, rows.length * 17 + 10);
  ctx.font = `11px ${theme.mono}`;
  ctx.textAlign = "left";
  ctx.fillStyle = theme.text;
  rows.forEach((words, n) => ctx.fillText(words, left + 9, box.price.top + 18 + n * 17));
}
