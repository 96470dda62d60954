// The widget: one store for the model, any number of views, one drawing a frame.

import { drawChart } from "./chart.js";
import { drawLadder } from "./ladder.js";
import { buildPage } from "./page.js";
import { writePanels } from "./panels.js";
import { PriceScale } from "./price.js";
import { ReplayBar } from "./replay.js";
import { Store } from "./store.js";
import { readTheme, Surface } from "./surface.js";
import { TradeTable } from "./trades.js";

const ACK_MS = 250; // an acknowledgement costs the kernel a message: four a second keep the window open
const TEXT_MS = 90;
const SILENT_MS = 3000; // the kernel speaks at least once a second
const GIVE_UP_MS = 20_000; // then the kernel itself is gone, and only a new page has a new one
const TOAST_MS = 4000;
const stores = new WeakMap();

/** Tell the kernel; while the connection is gone there is nobody to tell, and `watch` says so and tries again. */
function tell(model, content) {
  try {
    model.send(content);
  } catch (error) {
    console.debug("not sent:", content.type, error);
  }
}

/** The model's store, fed by the kernel's messages whether or not a view is open. */
function storeOf(model) {
  if (stores.has(model)) return stores.get(model);
  const store = Object.assign(new Store(), { views: new Set(), acked: 0, ackedAt: 0, helloAt: -Infinity, expected: 0 });
  stores.set(model, store);
  store.hello = () => {
    store.helloAt = performance.now();
    store.expected = 0;
    tell(model, { type: "hello" });
  };
  store.acknowledge = (now) => {
    if (now - store.ackedAt < ACK_MS || !store.views.size || document.visibilityState === "hidden") return;
    store.ackedAt = now;
    tell(model, { type: "ack", n: store.number });
  };
  store.listener = (content, buffers) => {
    const now = performance.now();
    store.lastHeard = now;
    if (content.type === "frame") {
      if (store.expected && content.n !== store.expected) store.hello();
      store.expected = content.n + 1;
      store.link = content.link;
      store.apply(buffers[0], content.n, now);
    } else if (content.type === "pulse") {
      Object.assign(store, { link: content.link, text: content.text });
      store.acknowledge(now);
    }
    for (const view of store.views) view(content);
  };
  model.on("msg:custom", store.listener);
  return store;
}

/** Say hello again when the kernel has been silent: it may have let this viewer go, or the network may be back. */
function watch(store) {
  if (document.visibilityState === "hidden") return;
  const now = performance.now();
  if (now - Math.max(store.lastHeard, store.helloAt) < SILENT_MS) return;
  if (store.lastHeard) store.link = "reconnecting";
  store.hello();
  for (const view of store.views) view({ type: "silent" });
  if (store.lastHeard && now - store.lastHeard > GIVE_UP_MS) reopen();
}

/** Load a Voila page anew as soon as its server answers; a notebook's cell is the user's to run again. */
async function reopen() {
  const { voila, baseUrl } = document.body.dataset;
  if (!voila) return;
  const answer = await fetch(`${baseUrl}static/voila.js`, { method: "HEAD" }).catch(() => null);
  if (answer?.ok) globalThis.location.reload();
}

function render({ model, el }) {
  const store = storeOf(model);
  const parts = buildPage(el);
  el.style.setProperty("--height", `${model.get("height")}px`);
  let theme = {};
  const scale = new PriceScale();
  const table = new TradeTable(parts.trades, parts.noTrades, parts.tradeCount);
  const bar = new ReplayBar(parts, (name, value) => tell(model, { type: "command", name, value }));
  const view = { dirty: true, asked: 0, textAt: -Infinity, painted: 0, messages: -1, pointer: null };
  const ladder = new Surface(parts.ladder, () => schedule());
  const chart = new Surface(parts.chart, () => schedule());

  function draw(now) {
    view.asked = 0;
    // At the first call the element may not be in the page yet, and has no style to read.
    if (!theme.bg) theme = readTheme(el);
    if (!theme.bg) return schedule(TEXT_MS);
    drawLadder(ladder, store, theme);
    drawChart(chart, store, theme, scale, view.pointer);
    if (now - view.textAt >= TEXT_MS) {
      view.textAt = now;
      writePanels(parts, store);
      const commanded = store.header && store.link !== "none" && store.link !== "lost" && store.link !== "reconnecting";
      bar.update(store.header?.replay, Boolean(commanded));
      table.update(store);
    } else schedule(TEXT_MS);
    if (store.messages !== view.messages) {
      view.messages = store.messages;
      // Proof of what was painted, for whoever measures: frames so far and the session's number of the newest.
      el.dataset.frames = String(++view.painted);
      el.dataset.seq = String(store.header?.seq ?? "");
      store.acknowledge(now);
    }
  }

  function schedule(later = 0) {
    if (view.asked) return;
    if (later) {
      clearTimeout(view.timer);
      view.timer = setTimeout(() => schedule(), later);
    } else view.asked = requestAnimationFrame(draw);
  }

  function toast(text, kind) {
    parts.toast.textContent = text;
    parts.toast.dataset.kind = kind;
    clearTimeout(view.toastTimer);
    view.toastTimer = setTimeout(() => (parts.toast.dataset.kind = ""), TOAST_MS);
  }

  const seen = (content) => {
    if (content.type === "reply") {
      if (content.text) toast(content.text, content.ok ? "done" : "refused");
      bar.answered(content.command);
    }
    schedule();
  };
  const command = (name) => {
    if (name === "reset") parts.ask.showModal();
    else tell(model, { type: "command", name });
  };
  const onClick = ({ target }) => {
    const button = target.closest?.("button");
    if (button?.dataset.command) command(button.dataset.command);
    if (button?.dataset.alert) {
      const value = { what: Number(button.dataset.alert), by: "the desk" };
      tell(model, { type: "command", name: "acknowledge", value });
    }
    if (button?.dataset.answer) {
      parts.ask.close();
      if (button.dataset.answer === "yes") tell(model, { type: "command", name: "reset" });
    }
  };
  const onMove = ({ offsetX, offsetY }) => {
    view.pointer = { x: offsetX, y: offsetY };
    schedule();
  };
  const onLeave = () => {
    view.pointer = null;
    schedule();
  };
  const onVisible = () => document.visibilityState === "visible" && performance.now() - store.lastFrame > 1000 && store.hello();

  store.views.add(seen);
  el.addEventListener("click", onClick);
  parts.chart.addEventListener("pointermove", onMove);
  parts.chart.addEventListener("pointerleave", onLeave);
  document.addEventListener("visibilitychange", onVisible);
  const watcher = setInterval(() => {
    watch(store);
    schedule(); // ages and states change while nothing arrives
  }, 1000);
  store.hello();
  schedule();

  return () => {
    store.views.delete(seen);
    clearInterval(watcher);
    clearTimeout(view.timer);
    clearTimeout(view.toastTimer);
    cancelAnimationFrame(view.asked);
    document.removeEventListener("visibilitychange", onVisible);
    ladder.close();
    chart.close();
    el.replaceChildren();
  };
}

export default { render };
