// A canvas that is sharp on every screen and as large as its box.

/** Colours and fonts as desk.css names them, so that canvas and page never differ. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["bg", "panel", "line", "grid", "text", "dim", "faint", "up", "down", "flat", "warn", "up-soft", "down-soft"];
  const theme = Object.fromEntries(names.map((name) => [name.replace("-", "_"), read(name)]));
  return { ...theme, sans: read("sans"), mono: read("mono") };
}

export class Surface {
  constructor(canvas, onResize) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.width = this.height = 0;
    this.observer = new ResizeObserver(() => this.fit() && onResize());
    this.observer.observe(canvas.parentElement);
    this.fit();
  }

  /** Match the box; true when the size has changed. */
  fit() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
    const width = Math.max(1, Math.floor(box.width));
    const height = Math.max(1, Math.floor(box.height));
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    return true;
  }

  /** A cleared context in CSS pixels. */
  begin(colour) {
    const ctx = this.context;
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
    ctx.fillStyle = colour;
    ctx.fillRect(0, 0, this.width, this.height);
    return ctx;
  }

  close() {
    this.observer.disconnect();
  }
}

/** Diagonal lines over a box: what must not be read as data. */
export function hatch(ctx, x, y, width, height, colour) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.1;
  ctx.fillRect(x, y, width, height);
  ctx.globalAlpha = 0.45;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.beginPath();
  const first = Math.floor((x - height) / 7) * 7; // anchored to the canvas, or the pattern would crawl
  for (let left = first; left < x + width; left += 7) {
    ctx.moveTo(left, y + height);
    ctx.lineTo(left + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

/** A triangle pointing up or down with its tip at (x, y); hollow ones keep the background inside. */
export function triangle(ctx, x, y, size, upward, colour, filled, inside) {
  const base = upward ? y + size * 1.5 : y - size * 1.5;
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x - size, base);
  ctx.lineTo(x + size, base);
  ctx.closePath();
  ctx.fillStyle = filled ? colour : inside;
  ctx.fill();
  ctx.lineWidth = 1.75;
  ctx.strokeStyle = colour;
  ctx.stroke();
}
