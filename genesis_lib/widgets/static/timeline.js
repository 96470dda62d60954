// Event time to pixels: linear, but a long silence is one narrow break instead of an empty chart.

import { POINT } from "./store.js";

const BREAK = 26; // pixels

/** Positions of rows and of any time between them. */
export class Timeline {
  constructor(points, left, right) {
    const rows = points.length / POINT.WIDTH;
    this.times = new Float64Array(rows);
    this.x = new Float64Array(rows);
    this.breaks = []; // {left, right, ms}
    for (let i = 0; i < rows; i++) this.times[i] = points[i * POINT.WIDTH + POINT.TS];
    if (!rows) return;
    const steps = [];
    for (let i = 1; i < rows; i++) steps.push(Math.max(0, this.times[i] - this.times[i - 1]));
    const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length * 0.9)] ?? 0;
    const limit = Math.max(2000, 20 * usual);
    const holes = steps.filter((step) => step > limit).length;
    const moving = steps.reduce((sum, step) => sum + (step > limit ? 0 : step), 0);
    const room = Math.max(1, right - left - holes * BREAK);
    // Until the window is full, the line grows from the right edge at the pace it will keep.
    const full = moving * Math.max(1, (500 - 1) / Math.max(1, rows - 1));
    this.perMs = full > 0 ? room / full : 0;
    this.x[rows - 1] = right;
    for (let i = rows - 1; i > 0; i--) {
      const step = steps[i - 1];
      this.x[i - 1] = this.x[i] - (step > limit ? BREAK : step * this.perMs);
      if (step > limit) this.breaks.push({ left: this.x[i - 1], right: this.x[i], ms: step });
    }
  }

  /** Pixel of a time; null before the first row. */
  at(ms) {
    const { times, x } = this;
    const last = times.length - 1;
    if (last < 0 || ms < times[0]) return null;
    if (ms >= times[last]) return x[last];
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const mid = (low + high) >> 1;
      if (times[mid] <= ms) low = mid;
      else high = mid;
    }
    const width = times[high] - times[low];
    return width > 0 ? x[low] + ((ms - times[low]) / width) * (x[high] - x[low]) : x[high];
  }

  /** Row whose pixel is nearest to this one; -1 without rows. */
  nearest(pixel) {
    let best = -1;
    let distance = Infinity;
    for (let i = 0; i < this.x.length; i++) {
      const d = Math.abs(this.x[i] - pixel);
      if (d < distance) [best, distance] = [i, d];
    }
    return best;
  }

  /** Whole times, evenly spaced, that label the axis: [{x, ms}]. */
  labels(most) {
    const last = this.times.length - 1;
    if (last < 1 || !this.perMs) return [];
    const wanted = (this.x[last] - this.x[0]) / this.perMs / most;
    const steps = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5];
    const step = steps.find((s) => s >= wanted) ?? 864e5;
    const found = [];
    for (let ms = Math.ceil(this.times[0] / step) * step; ms <= this.times[last] && found.length < 60; ms += step) {
      const x = this.at(ms);
      if (!this.breaks.some((b) => x >= b.left && x <= b.right)) found.push({ x, ms, step });
    }
    return found;
  }
}
