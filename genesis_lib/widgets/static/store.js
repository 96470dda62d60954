// What the desk knows: the newest header and ladder, the last points and trades. Draws nothing.

import { decodeMessage } from "./message.js";

export const POINT = { TS: 0, MID: 1, DOWN: 2, NEUTRAL: 3, UP: 4, VALID: 5, WIDTH: 6 };
const KEEP_POINTS = 500;
const KEEP_TRADES = 50;
const KEEP_ALERTS = 20;

/** The state of one viewer; views read it, messages change it. */
export class Store {
  constructor() {
    this.link = "connecting";
    this.text = "";
    this.messages = 0; // applied so far
    this.number = 0; // of the newest one, for the acknowledgement
    this.lastHeard = 0; // performance.now() of the kernel's last word
    this.lastFrame = 0; // of the session's last word
    this.clear();
  }

  clear() {
    this.header = null;
    this.ladder = null;
    this.points = new Float64Array(0);
    this.trades = [];
    this.alerts = [];
    this.shownTrades = -1;
  }

  /** Rows of `points`. */
  get rows() {
    return this.points.length / POINT.WIDTH;
  }

  /** Take a message of the session in; returns its header. */
  apply(view, number, now) {
    const { header, arrays } = decodeMessage(view);
    if (this.header && this.header.session !== header.session) this.clear();
    if (header.kind === "snapshot") {
      this.points = arrays.points;
      this.trades = [...header.trades];
      this.alerts = [...(header.alerts ?? [])];
    } else {
      this.append(arrays.points);
      this.trades.push(...header.trades);
      this.alerts.push(...(header.alerts ?? []));
    }
    // A reset empties the account: the count falls, and what was traded before it is no longer shown.
    const count = header.trade_count;
    if (Number.isInteger(count) && count < this.trades.length) this.trades = count ? this.trades.slice(-count) : [];
    this.trades = this.trades.slice(-KEEP_TRADES);
    this.alerts = this.alerts.slice(-KEEP_ALERTS);
    this.ladder = arrays.ladder ?? this.ladder;
    this.header = header;
    this.number = number;
    this.messages += 1;
    this.lastFrame = now;
    return header;
  }

  append(fresh) {
    if (!fresh || !fresh.length) return;
    const most = KEEP_POINTS * POINT.WIDTH;
    const joined = new Float64Array(Math.min(most, this.points.length + fresh.length));
    const recent = fresh.subarray(Math.max(0, fresh.length - most));
    joined.set(this.points.subarray(this.points.length - (joined.length - recent.length)), 0);
    joined.set(recent, joined.length - recent.length);
    this.points = joined;
  }
}
