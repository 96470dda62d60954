// The price of the last rows, and what was traded at it.

import { decimalsOf, fixed, isNumber, moneyDecimals, signed } from "./format.js";
import { POINT } from "./store.js";
import { triangle } from "./surface.js";

const TAG = 82; // width of the price tag on the right

/** A round step of 1, 2 or 5 tenths, so that about `most` of them fill the span. */
export function roundStep(size, most, least) {
  const raw = Math.max(size / most, least);
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * unit >= raw * 0.999) * unit;
  return Math.max(step, least);
}

/** Keeps the price axis calm: it widens at once and narrows slowly. */
export class PriceScale {
  constructor() {
    this.low = this.high = NaN;
  }

  update(low, high, tick) {
    const least = 8 * tick;
    const pad = Math.max((high - low) * 0.12, 1.5 * tick);
    let [from, to] = [low - pad, high + pad];
    if (to - from < least) [from, to] = [(from + to - least) / 2, (from + to + least) / 2];
    const far = !(from < this.high && to > this.low);
    if (far) [this.low, this.high] = [from, to];
    this.low = from < this.low ? from : this.low + (from - this.low) * 0.08;
    this.high = to > this.high ? to : this.high + (to - this.high) * 0.08;
  }
}

function priceRange(points, rows) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < rows; i++) {
    const mid = points[i * POINT.WIDTH + POINT.MID];
    if (mid < low) low = mid;
    if (mid > high) high = mid;
  }
  return [low, high];
}

export function drawPrice(ctx, theme, store, line, box, scale) {
  const { points, rows, header } = store;
  const { left, right } = box;
  const tick = header.tick_size;
  const [low, high] = priceRange(points, rows);
  if (!isNumber(low)) return;
  scale.update(low, high, tick);
  const y = (price) => box.top + ((scale.high - price) / (scale.high - scale.low)) * box.height;
  const step = roundStep(scale.high - scale.low, Math.max(3, box.height / 56), tick);
  const decimals = decimalsOf(tick);
  const now = isNumber(header.mid) ? Math.min(Math.max(y(header.mid), box.top), box.top + box.height) : -100;
  ctx.font = `11px ${theme.mono}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (let n = Math.ceil(scale.low / step); n * step <= scale.high; n++) {
    const at = Math.round(y(n * step)) + 0.5;
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(left, at);
    ctx.lineTo(right, at);
    ctx.stroke();
    ctx.fillStyle = theme.dim;
    if (Math.abs(at - now) > 15) ctx.fillText(fixed(n * step, decimals), right + 8, at);
  }
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, box.top - 6, right - left, box.height + 12);
  ctx.clip();
  stepLine(ctx, theme, points, rows, line, y);
  drawTrades(ctx, theme, store, line, y, right);
  ctx.restore();
  if (isNumber(header.entry_price)) drawEntryLevel(ctx, theme, header, y, box);
  if (isNumber(header.mid)) tag(ctx, theme, right, now, fixed(header.mid, decimals + 1));
}

function stepLine(ctx, theme, points, rows, line, y) {
  ctx.strokeStyle = theme.text;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  let last = NaN;
  for (let i = 0; i < rows; i++) {
    const mid = points[i * POINT.WIDTH + POINT.MID];
    const valid = points[i * POINT.WIDTH + POINT.VALID] && isNumber(mid);
    if (valid) {
      const x = line.x[i];
      if (isNumber(last)) ctx.lineTo(x, last);
      last = y(mid);
      if (i && isNumber(points[(i - 1) * POINT.WIDTH + POINT.MID]) && points[(i - 1) * POINT.WIDTH + POINT.VALID]) ctx.lineTo(x, last);
      else ctx.moveTo(x, last);
    } else last = NaN;
  }
  ctx.stroke();
}

function drawTrades(ctx, theme, store, line, y, right) {
  let entry = null;
  const exits = [];
  for (const trade of store.trades) {
    const x = line.at(trade.timestamp / 1e6);
    const upward = trade.side === "BUY" || trade.side === "LONG";
    const here = x === null ? null : { x, y: y(trade.price) };
    if (trade.type === "EXIT" && entry && here) {
      ctx.strokeStyle = trade.pnl >= 0 ? theme.up : theme.down;
      ctx.setLineDash([3, 3]);
      ctx.lineWidth = 1.25;
      ctx.beginPath();
      ctx.moveTo(entry.x, entry.y);
      ctx.lineTo(here.x, here.y);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (here) {
      const filled = trade.type === "ENTRY";
      triangle(ctx, here.x, here.y + (upward ? 3 : -3), 5.5, upward, upward ? theme.up : theme.down, filled, theme.panel);
      if (!filled && isNumber(trade.pnl)) exits.push({ ...here, upward, pnl: trade.pnl });
    }
    entry = trade.type === "ENTRY" ? (here ?? { x: -10, y: y(trade.price) }) : null;
  }
  drawResults(ctx, theme, exits, right);
}

/** What each exit earned; where exits crowd, the newest keeps its label. */
function drawResults(ctx, theme, exits, right) {
  ctx.font = `600 11px ${theme.mono}`;
  ctx.lineWidth = 4;
  ctx.strokeStyle = theme.panel;
  const taken = [];
  for (const exit of exits.reverse()) {
    const words = signed(exit.pnl, moneyDecimals(exit.pnl));
    const width = ctx.measureText(words).width;
    const x = exit.x + 9 + width > right ? exit.x - 9 - width : exit.x + 9;
    const y = exit.y + (exit.upward ? 11 : -11);
    if (taken.some((other) => x < other.x + other.width + 12 && other.x < x + width + 12 && Math.abs(y - other.y) < 26)) continue;
    taken.push({ x, y, width });
    ctx.textAlign = "left";
    ctx.strokeText(words, x, y);
    ctx.fillStyle = exit.pnl >= 0 ? theme.up : theme.down;
    ctx.fillText(words, x, y);
  }
}

function drawEntryLevel(ctx, theme, header, y, box) {
  const { left, right } = box;
  const at = y(header.entry_price);
  if (at < box.top || at > box.top + box.height) return;
  const colour = header.position > 0 ? theme.up : theme.down;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.moveTo(left, Math.round(at) + 0.5);
  ctx.lineTo(right, Math.round(at) + 0.5);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.font = `11px ${theme.sans}`;
  ctx.textAlign = "left";
  ctx.fillStyle = colour;
  ctx.fillText(header.position > 0 ? "long from" : "short from", left + 4, at - 8);
}

function tag(ctx, theme, right, y, words) {
  ctx.fillStyle = theme.text;
  ctx.beginPath();
  ctx.moveTo(right + 1, y);
  ctx.lineTo(right + 6, y - 9);
  ctx.lineTo(right + TAG, y - 9);
  ctx.lineTo(right + TAG, y + 9);
  ctx.lineTo(right + 6, y + 9);
  ctx.closePath();
  ctx.fill();
  ctx.fillStyle = theme.bg;
  ctx.font = `600 11px ${theme.mono}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(words, right + 8, y + 0.5);
}
