// The replay bar: play, step, pace, and a line over the whole recording that is dragged to any time of it.

import { clockTime, day, isNumber, span } from "./format.js";

const SPEEDS = [1, 2, 5, 10, "max"];
const WAIT_MS = 4000; // for the answer to a move; then the next one may go

/** Seconds from the start as the session takes them. */
export const fromStart = (ms) => `+${(Math.max(0, ms) / 1000).toFixed(3)}`;

/** Sends the newest of many moves, one at a time: a drag never queues up behind itself. */
export class Moves {
  constructor(send, now = () => performance.now()) {
    this.send = send;
    this.now = now;
    this.under = 0; // since when a move is under way
    this.next = null;
  }

  /** Ask for a place; it goes out at once or as soon as the one before it was answered. */
  ask(ms) {
    this.next = ms;
    this.go();
  }

  go() {
    const now = this.now();
    if (this.next === null || (this.under && now - this.under < WAIT_MS)) return;
    this.under = now;
    this.send(this.next);
    this.next = null;
  }

  answered() {
    this.under = 0;
    this.go();
  }

  get busy() {
    return this.next !== null || (this.under > 0 && this.now() - this.under < WAIT_MS);
  }
}

export class ReplayBar {
  /** @param {(name: string, value?: unknown) => void} command sends a command to the session */
  constructor(parts, command) {
    this.parts = parts;
    this.command = command;
    this.replay = null;
    this.dragging = false;
    this.moves = new Moves((ms) => command("seek", fromStart(ms)));
    this.speeds = SPEEDS.map((speed) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.speed = String(speed);
      button.textContent = speed === "max" ? "max" : `${speed}×`;
      button.setAttribute("aria-label", speed === "max" ? "As fast as it goes" : `${speed} times as recorded`);
      parts.speeds.append(button);
      return button;
    });
    parts.line.addEventListener("input", () => this.drag(Number(parts.line.value)));
    parts.line.addEventListener("change", () => this.drop());
    parts.line.addEventListener("pointermove", (event) => this.hover(event));
    parts.replay.addEventListener("click", ({ target }) => this.press(target.closest?.("button")));
  }

  press(button) {
    if (!button) return;
    if (button.dataset.speed) this.command("speed", button.dataset.speed);
    else if (button.dataset.replay === "toggle") this.command(this.replay?.state === "paused" ? "resume" : "pause");
    else if (button.dataset.replay) this.command(button.dataset.replay, Number(button.value));
  }

  drag(ms) {
    this.dragging = true;
    this.moves.ask(ms);
    this.place(ms);
  }

  drop() {
    this.moves.ask(Number(this.parts.line.value));
    this.dragging = false;
  }

  hover({ offsetX }) {
    const { line, tip } = this.parts;
    const width = line.clientWidth;
    if (!width || !this.replay || !isNumber(this.replay.start)) return;
    const share = Math.min(1, Math.max(0, (offsetX - 7) / (width - 14))); // the thumb is 14 pixels wide
    tip.textContent = clockTime(this.replay.start + share * Number(line.max), 1);
    tip.style.left = `${7 + share * (width - 14)}px`;
    if (tip.hidden) this.watch();
    tip.hidden = false;
  }

  // A drag captures the pointer, and a line that is disabled hears nothing: the document tells when it is gone.
  watch() {
    const gone = new AbortController();
    const leave = ({ type, clientX, clientY, relatedTarget }) => {
      if (this.dragging && type === "pointermove") return;
      const { left, right, top, bottom } = this.parts.line.getBoundingClientRect();
      const inside = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
      if (inside && !(type === "pointerout" && relatedTarget === null)) return;
      this.parts.tip.hidden = true;
      gone.abort();
    };
    for (const kind of ["pointermove", "pointerup", "pointercancel", "pointerout"]) {
      document.addEventListener(kind, leave, { signal: gone.signal });
    }
  }

  /** The answer to a command came. */
  answered(name) {
    if (name === "seek") this.moves.answered();
  }

  /** Show where a replay stands; `open` when somebody answers commands. */
  update(replay, open) {
    const { parts } = this;
    this.replay = replay ?? null;
    parts.replay.hidden = !replay;
    if (!replay) return;
    const { start, end, known, time, state } = replay;
    const last = Math.max(...[start, end ?? known, time].filter(isNumber));
    const length = isNumber(start) ? Math.max(0, last - start) : 0;
    const ready = open && isNumber(start) && length > 0;
    parts.line.disabled = !ready;
    parts.replay.dataset.state = state;
    parts.line.max = String(Math.max(1, Math.round(length)));
    if (!this.dragging && !this.moves.busy) this.place(isNumber(time) && isNumber(start) ? time - start : 0);
    const made = isNumber(known) && length ? (known - start) / length : 0;
    parts.line.style.setProperty("--known", `${(100 * Math.min(1, made)).toFixed(2)}%`);
    put(parts.replayEnd, isNumber(start) ? `${clockTime(last)}${isNumber(end) ? "" : "+"}` : "");
    parts.replayEnd.title = isNumber(start)
      ? `${day(start)} ${clockTime(start)} to ${day(last)} ${clockTime(last)} UTC, ${span(length)}${isNumber(end) ? "" : " and more"}`
      : "";
    put(parts.replayWords, pace(replay));
    const paused = state === "paused";
    parts.toggle.dataset.shows = paused ? "play" : "pause";
    parts.toggle.setAttribute("aria-label", paused ? "Play" : "Pause");
    parts.toggle.title = paused ? "Play" : "Pause";
    for (const button of parts.replay.querySelectorAll("button[data-replay]")) {
      button.disabled = !open || (state === "ended" && button.dataset.replay !== "back");
    }
    for (const button of this.speeds) {
      button.disabled = !open;
      button.setAttribute("aria-pressed", String(String(replay.speed) === button.dataset.speed));
    }
    put(parts.jumps, replay.seeks ? `${replay.seeks} ${replay.seeks === 1 ? "jump" : "jumps"}` : "");
  }

  /** Put the thumb, and the time beside it, to so many ms from the start. */
  place(ms) {
    const { line, replayNow } = this.parts;
    if (Number(line.value) !== Math.round(ms)) line.value = String(Math.round(ms));
    const share = Number(line.max) > 0 ? Math.min(1, ms / Number(line.max)) : 0;
    line.style.setProperty("--played", `${(100 * share).toFixed(2)}%`);
    const start = this.replay?.start;
    const shown = isNumber(start) ? clockTime(start + ms, 1) : "";
    put(replayNow, shown);
    line.setAttribute("aria-valuetext", shown);
  }
}

function pace(replay) {
  if (replay.state === "seeking") return "Seeking";
  if (replay.state === "ended") return "End";
  return SPEEDS.some((speed) => speed === replay.speed) ? "" : `${replay.speed}×`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
