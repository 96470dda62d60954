// The book: asks above, the spread in the middle, bids below, bars for depth.

import { decimalsOf, fixed, isNumber } from "./format.js";

const LEVELS = 12;
const HEAD = 20;

/** Levels of one side as {price, size, total}, best first, without empty ones. */
export function sideLevels(ladder, offset) {
  const levels = [];
  let total = 0;
  for (let i = 0; i * 4 < ladder.length; i++) {
    const price = ladder[i * 4 + offset];
    const size = ladder[i * 4 + offset + 1];
    if (!isNumber(price) || !isNumber(size)) break;
    total += size;
    levels.push({ price, size, total });
  }
  return levels;
}

/** Decimals for a column of sizes: those of its lot, fewer where its largest value is long. */
export function sizeDecimals(largest, lot) {
  const room = largest >= 10_000 ? 0 : largest >= 1000 ? 1 : largest >= 100 ? 2 : 3;
  return Math.min(room, decimalsOf(lot));
}

const compact = (size, decimals) => (size >= 1e6 ? fixed(size / 1e6, 2) + "M" : fixed(size, decimals));

export function drawLadder(surface, store, theme) {
  const ctx = surface.begin(theme.panel);
  const { width, height } = surface;
  const { header, ladder } = store;
  const row = (height - HEAD) / (2 * LEVELS + 1.5);
  const columns = { price: 10, size: Math.round(width * 0.66), total: width - 10 };
  const font = Math.max(10, Math.min(14, row * 0.66));
  ctx.textBaseline = "middle";
  ctx.font = `11px ${theme.sans}`;
  ctx.fillStyle = theme.dim;
  ctx.textAlign = "left";
  ctx.fillText("Price", columns.price, HEAD / 2);
  ctx.textAlign = "right";
  ctx.fillText("Size", columns.size, HEAD / 2);
  ctx.fillText("Total", columns.total, HEAD / 2);
  const middle = HEAD + LEVELS * row;
  if (!header || !ladder) {
    drawSpread(ctx, theme, width, middle, row, font, "Waiting for the book", "");
    return;
  }
  const asks = sideLevels(ladder, 2).slice(0, LEVELS);
  const bids = sideLevels(ladder, 0).slice(0, LEVELS);
  const most = Math.max(asks.at(-1)?.total ?? 0, bids.at(-1)?.total ?? 0) || 1;
  const largest = Math.max(...asks.map((l) => l.size), ...bids.map((l) => l.size), 0) || 1;
  const decimals = decimalsOf(header.tick_size);
  const [sizes, totals] = [sizeDecimals(largest, header.lot_size), sizeDecimals(most, header.lot_size)];
  ctx.font = `600 ${font}px ${theme.mono}`;
  const widest = Math.max(...[...asks, ...bids].map((level) => ctx.measureText(fixed(level.price, decimals)).width), 0);
  columns.room = Math.max(10, columns.size + 4 - columns.price - widest - 22); // a bar never covers a price
  const scale = { most, largest, decimals, sizes, totals, columns, row, font, entry: header.entry_price };
  for (let i = 0; i < LEVELS; i++) {
    drawLevel(ctx, theme, width, middle - (i + 1) * row, asks[i], i, theme.down, scale);
    drawLevel(ctx, theme, width, middle + (1.5 + i) * row, bids[i], i, theme.up, scale);
  }
  const ticks = isNumber(header.spread) ? Math.round(header.spread / header.tick_size) : null;
  const words = ticks === null ? "One side is empty" : `Spread ${fixed(header.spread, decimals)}`;
  drawSpread(ctx, theme, width, middle, row, font, words, ticks === null ? "" : `${ticks} tick${ticks === 1 ? "" : "s"}`);
  if (!header.valid) drawInvalid(ctx, theme, width, height);
}

function drawLevel(ctx, theme, width, top, level, index, colour, scale) {
  const { columns, row, font } = scale;
  const y = top + row / 2;
  ctx.font = `${index === 0 ? "600 " : ""}${font}px ${theme.mono}`;
  if (!level) {
    ctx.textAlign = "left";
    ctx.fillStyle = theme.faint;
    ctx.fillText("·", columns.price, y);
    return;
  }
  bar(ctx, columns.size + 4, top, columns.room * (level.size / scale.largest), row, colour, 0.34);
  bar(ctx, width, top, (width - columns.size - 8) * (level.total / scale.most), row, colour, 0.15);
  ctx.fillStyle = colour;
  ctx.textAlign = "left";
  ctx.fillText(fixed(level.price, scale.decimals), columns.price, y);
  if (isNumber(scale.entry) && Math.abs(level.price - scale.entry) < 1e-9 * level.price) {
    ctx.fillStyle = theme.text;
    ctx.fillText("◆", columns.price + ctx.measureText(fixed(level.price, scale.decimals)).width + 6, y);
  }
  ctx.textAlign = "right";
  ctx.fillStyle = theme.text;
  ctx.fillText(compact(level.size, scale.sizes), columns.size, y);
  ctx.fillStyle = theme.dim;
  ctx.font = `${font}px ${theme.mono}`;
  ctx.fillText(compact(level.total, scale.totals), columns.total, y);
}

/** A bar that grows to the left from `right`. */
function bar(ctx, right, top, width, row, colour, alpha) {
  ctx.fillStyle = colour;
  ctx.globalAlpha = alpha;
  ctx.fillRect(right - width, top + 0.5, width, row - 1);
  ctx.globalAlpha = 1;
}

function drawSpread(ctx, theme, width, middle, row, font, words, ticks) {
  ctx.fillStyle = theme.bg;
  ctx.fillRect(0, middle + 1, width, row * 1.5 - 2);
  const y = middle + row * 0.75;
  ctx.font = `${font}px ${theme.sans}`;
  ctx.textAlign = "left";
  ctx.fillStyle = theme.text;
  ctx.fillText(words, 10, y);
  ctx.textAlign = "right";
  ctx.fillStyle = theme.dim;
  ctx.fillText(ticks, width - 10, y);
}

function drawInvalid(ctx, theme, width, height) {
  ctx.fillStyle = theme.panel;
  ctx.globalAlpha = 0.6;
  ctx.fillRect(0, 0, width, height);
  ctx.globalAlpha = 1;
  ctx.font = `600 13px ${theme.sans}`;
  ctx.textAlign = "center";
  ctx.fillStyle = theme.warn;
  ctx.fillText("Book not valid: waiting to be joined again", width / 2, 10);
}
