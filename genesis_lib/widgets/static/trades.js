// The last trades, newest on top, as a table that a screen reader and a test can read.

import { clockTime, decimalsOf, fixed, isNumber, moneyDecimals, signed } from "./format.js";
import { sizeDecimals } from "./ladder.js";

const KEYS = (trade) => `${trade.id}`;

/** What a trade is, in words and as a shape. */
export function tradeWords(trade) {
  const buy = trade.side === "BUY" || trade.side === "LONG";
  const entry = trade.type === "ENTRY";
  const sign = buy ? (entry ? "▲" : "△") : entry ? "▼" : "▽";
  return { buy, sign, words: `${buy ? "Buy" : "Sell"} ${entry ? "entry" : "exit"}` };
}

export class TradeTable {
  constructor(body, empty, count) {
    Object.assign(this, { body, empty, count, shown: "", rows: new Map() });
  }

  update(store) {
    const { trades, header } = store;
    const newest = trades.at(-1);
    const shown = newest ? `${header.session} ${trades.length} ${KEYS(trades[0])} ${KEYS(newest)}` : "";
    this.empty.hidden = trades.length > 0;
    if (!trades.length) this.empty.textContent = emptyWords(header);
    const total = header?.trade_count ?? trades.length;
    const words = total > trades.length ? `last ${trades.length} of ${total}` : `${total}`;
    if (this.count.textContent !== words) this.count.textContent = words;
    if (shown === this.shown) return;
    this.shown = shown;
    this.fill(store);
  }

  fill({ trades, header }) {
    const decimals = decimalsOf(header.tick_size);
    const kept = new Map();
    for (const trade of trades) {
      const key = KEYS(trade);
      kept.set(key, this.rows.get(key) ?? row(trade, decimals, header.lot_size));
    }
    this.rows = kept;
    this.body.replaceChildren(...[...kept.values()].reverse());
  }
}

function row(trade, decimals, lot) {
  const { buy, sign, words } = tradeWords(trade);
  const line = document.createElement("tr");
  line.dataset.trade = trade.id;
  line.title = isNumber(trade.confidence) ? `confidence ${fixed(trade.confidence * 100, 1)} %` : "";
  const cell = (text, kind) => {
    const box = document.createElement("td");
    box.textContent = text;
    if (kind) box.className = kind;
    line.append(box);
  };
  cell(clockTime(trade.timestamp / 1e6), "time");
  cell(`${sign} ${words}`, buy ? "up" : "down");
  cell(fixed(trade.price, decimals));
  cell(fixed(trade.size, sizeDecimals(trade.size, lot)).replace(/\.0+$/, ""));
  const settled = trade.type === "EXIT" && isNumber(trade.pnl);
  cell(settled ? signed(trade.pnl, moneyDecimals(trade.pnl)) : "", settled ? (trade.pnl >= 0 ? "up" : "down") : "");
  return line;
}

function emptyWords(header) {
  if (!header) return "No trades yet: nothing is connected.";
  if (header.state === "ENDED") return "No trades: no signal passed the strategy's entry threshold in this session.";
  if (!header.model) return "No trades yet: the strategy needs a model's predictions, and none is loaded.";
  if (!header.active) return "No trades yet: entries are off. Press START to let the strategy trade.";
  if (!header.signal?.p) return "No trades yet: the strategy waits for the model to warm up.";
  return `No trades yet: the strategy (preset ${header.preset}) waits for a signal beyond its entry threshold.`;
}
