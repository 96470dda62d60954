// The desk's figures in words: header, account, signal, alerts and the state of the connection.

import { clockTime, day, decimalsOf, fixed, isNumber, moneyDecimals, NOTHING, percent, signed, micros, span } from "./format.js";
import { sideLevels } from "./ladder.js";
import { POINT } from "./store.js";

const LINK_WORDS = {
  connecting: "Connecting",
  live: "Connected",
  stale: "Stale",
  ended: "Ended",
  lost: "Session lost",
  none: "No session",
  reconnecting: "Reconnecting",
};
const SIGNS = { UP: "▲ UP", DOWN: "▼ DOWN", NEUTRAL: "■ NEUTRAL", NONE: NOTHING };

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

const tone = (value, decimals) =>
  !isNumber(value) || Math.abs(value) < 0.5 * 10 ** -decimals ? "flat" : value > 0 ? "up" : "down";

/** Write everything that is text; called some ten times a second, since nobody reads faster. */
export function writePanels(parts, store) {
  const { header } = store;
  writeLink(parts, store);
  if (!header) return;
  writeHeader(parts, header);
  writeAccount(parts, header, store.ladder);
  writeSignal(parts, header);
  writeAlerts(parts, store.alerts);
  const { points, rows } = store;
  if (rows > 1) {
    const width = points[(rows - 1) * POINT.WIDTH + POINT.TS] - points[POINT.TS];
    write(parts.span, `last ${rows} rows, ${span(width)}`);
  }
}

function writeHeader(parts, header) {
  const [venue, symbol] = header.instrument.includes(":") ? header.instrument.split(":") : ["", header.instrument];
  write(parts.symbol, symbol);
  write(parts.venue, venue);
  parts.symbol.title = `${header.instrument}, source ${header.source}, session ${header.session}`;
  write(parts.badge, header.provenance.toUpperCase());
  mark(parts.badge, "provenance", header.provenance);
  parts.badge.title = `Source: ${header.source}`;
  write(parts.date, `${day(header.ts)} `);
  write(parts.time, clockTime(header.ts, 1));
  write(parts.p50, micros(header.latency_us?.p50));
  write(parts.p99, micros(header.latency_us?.p99));
  // Of a replay those before this place in the data; the session's own count adds up over its jumps.
  write(parts.events, fixed(header.replay?.events ?? header.events, 0));
  const total = header.replay?.total_events;
  parts.events.title = isNumber(total) ? `of ${fixed(total, 0)}` : "";
  write(parts.gaps, fixed(header.gaps, 0));
  mark(parts.gaps, "tone", header.gaps ? "warn" : "");
  write(parts.strategy, `${strategyState(header)} · ${header.preset}`);
  const trading = header.active && header.state !== "ENDED";
  mark(parts.strategy, "tone", header.state === "KILLED" ? "warn" : trading ? "up" : "flat");
  const exposure = EXPOSURES[header.model?.exposure];
  write(parts.exposure, exposure ? "Model, in sample" : "Model");
  mark(parts.exposure, "tone", exposure ? "warn" : "");
  parts.exposure.title = exposure ?? "";
  write(parts.model, header.model ? header.model.name : "none");
  parts.model.title = header.model ? `${header.model.name}, version ${header.model.version}` : "no model is loaded";
  const version = header.model ? ` ${String(header.model.version).slice(0, 12)}` : "";
  if (header.model && !String(header.model.version).startsWith(header.model.name)) write(parts.model, header.model.name + version);
}

const EXPOSURES = {
  seen: "The model was trained on this very data: what it earns here proves nothing.",
  "same time": "The model was trained on another instrument at this time, and markets move together: no clean test.",
};

/** What the strategy may do now, in one word. */
export function strategyState(header) {
  if (header.state === "KILLED") return "Killed";
  if (header.state === "ENDED") return "Ended";
  if (header.state === "PAUSED") return header.active ? "Paused" : "Stopped";
  return header.active ? "Trading" : "Stopped";
}

function writeAccount(parts, header, ladder) {
  const shared = moneyDecimals(header.realized, header.unrealized, header.fees);
  const cents = (amount) => (shared > 2 ? shared : Math.min(2, moneyDecimals(amount)));
  for (const name of ["unrealized", "realized", "total", "equity"]) {
    write(parts[name], signed(header[name], cents(header[name])));
    mark(parts[name], "tone", tone(header[name], cents(header[name])));
  }
  write(parts.fees, signed(-header.fees, cents(header.fees)));
  const decimals = decimalsOf(header.tick_size);
  const held = isNumber(header.position) && header.position !== 0;
  const size = fixed(Math.abs(header.position), Math.min(decimalsOf(header.lot_size), 3));
  write(parts.position, held ? `${header.position > 0 ? "▲ Long" : "▼ Short"} ${size}` : "Flat");
  mark(parts.position, "tone", !held ? "flat" : header.position > 0 ? "up" : "down");
  write(parts.entry, held && isNumber(header.entry_price) ? fixed(header.entry_price, decimals) : NOTHING);
  write(parts.mid, fixed(header.mid, decimals + 1));
  write(parts.spread, isNumber(header.spread) ? fixed(header.spread, decimals) : NOTHING);
  if (!ladder) return;
  const [bids, asks] = [sideLevels(ladder, 0).at(-1)?.total ?? 0, sideLevels(ladder, 2).at(-1)?.total ?? 0];
  const share = bids + asks > 0 ? bids / (bids + asks) : NaN;
  write(parts.bidShare, isNumber(share) ? `Bid ${percent(share, 0)}` : NOTHING);
  write(parts.askShare, isNumber(share) ? `${percent(1 - share, 0)} Ask` : NOTHING);
  parts.bidBar.style.transform = `scaleX(${isNumber(share) ? share.toFixed(3) : 0.5})`;
}

function writeSignal(parts, header) {
  const { class: name, confidence, p } = header.signal ?? {};
  write(parts.signal, SIGNS[name] ?? NOTHING);
  mark(parts.call, "class", name ?? "NONE");
  const left = header.warmup > 0 ? `: ${header.warmup} row${header.warmup === 1 ? "" : "s"}` : "";
  const waiting = header.model ? `warming up${left}` : "no model loaded";
  write(parts.confidence, p ? percent(confidence) : "");
  write(parts.sure, p ? "confidence" : waiting);
  const rows = [["Down", 0], ["Neutral", 1], ["Up", 2]];
  for (const [word, index] of rows) {
    write(parts[`p${word}`], p ? percent(p[index]) : NOTHING);
    parts[`odds${word}`].style.transform = `scaleX(${p ? p[index].toFixed(3) : 0})`;
  }
}

const CAUSES = { escalated: "Worse: ", reminder: "Not acknowledged: " };

function writeAlerts(parts, alerts) {
  const key = alerts.map((alert) => `${alert.timestamp} ${alert.kind} ${alert.id} ${alert.acknowledged}`).join();
  if (parts.alerts.dataset.key === key) return;
  parts.alerts.dataset.key = key;
  const lines = [...alerts].reverse().map((alert) => {
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = clockTime(alert.timestamp / 1e6);
    const cause = CAUSES[alert.cause] ?? "";
    line.append(time, `${cause}${alert.kind.replaceAll("_", " ")}${alert.message ? `: ${alert.message}` : ""}`);
    line.dataset.severity = alert.severity ?? "warning";
    if (alert.acknowledged) {
      line.dataset.seen = "yes";
      line.title = typeof alert.acknowledged === "string" ? `Seen by ${alert.acknowledged}` : "Seen";
    } else if (alert.id) {
      const seen = document.createElement("button");
      seen.type = "button";
      seen.textContent = "Seen";
      seen.dataset.alert = alert.id;
      seen.setAttribute("aria-label", `Acknowledge alert ${alert.id}`);
      line.append(seen);
    }
    return line;
  });
  parts.alerts.replaceChildren(...lines);
}

function writeLink(parts, { link, header, text, lastFrame }) {
  mark(parts.link, "link", link);
  mark(parts.root, "link", link);
  const age = (performance.now() - lastFrame) / 1000;
  write(parts.linkWords, link === "stale" && lastFrame ? `Stale ${fixed(age, 0)}\u202fs` : LINK_WORDS[link]);
  const open = header && (link === "live" || link === "stale");
  for (const button of parts.buttons) {
    const name = button.dataset.command;
    const done = name === "start" ? header?.active : name === "stop" ? !header?.active : false;
    button.disabled = !open || done || (name === "start" && header?.state === "KILLED");
    button.setAttribute("aria-pressed", String(Boolean(open && done)));
  }
  const words = banner(link, header);
  parts.banner.hidden = !words;
  write(parts.banner, words);
  const away = !header && (link === "none" || link === "ended" || link === "lost");
  parts.away.hidden = !away;
  if (!away) return;
  write(parts.awayTitle, link === "none" ? "No session is running" : "The session is over");
  write(parts.awayWords, link === "none" ? "Start one in a terminal:" : "Start another in a terminal:");
  write(parts.awayThen, "This page connects by itself as soon as it runs.");
  parts.away.title = text;
}

function banner(link, header) {
  if (link === "reconnecting") return "The dashboard's server does not answer. The session goes on; this page keeps trying.";
  if (!header) return "";
  if (link === "lost") return `The session's process is gone: these are its last figures. genesis run --session ${header.session} takes it up again.`;
  if (header.state === "ENDED" && header.reason) return `Session ended early: ${header.reason}`;
  if (header.state === "ENDED" && link !== "none" && header.replay?.state === "ended" && isNumber(header.replay.end))
    return `The data are at their end: these figures are final, unless the bar above is dragged back. genesis report ${header.session} writes the tear sheet.`;
  if (link === "ended" || header.state === "ENDED") return `Session ended: these figures are final. genesis report ${header.session} writes its tear sheet, genesis run starts another.`;
  if (link === "none") return "No session is running: these are the last figures seen. Start one with genesis run.";
  if (header.state === "KILLED") return "Kill switch: the position is closed and the strategy blocked. RESET clears it.";
  return "";
}
