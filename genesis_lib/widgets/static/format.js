// Numbers and times as a trading desk writes them: fixed decimals, a real minus sign, UTC.

const cache = new Map();

function formatter(decimals) {
  if (!cache.has(decimals)) {
    cache.set(
      decimals,
      new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
    );
  }
  return cache.get(decimals);
}

export const NOTHING = "\u2013";
export const MINUS = "\u2212";

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Decimals that a grid of this step needs: 0.1 -> 1, 1 -> 0, 0.00001 -> 5. */
export function decimalsOf(step) {
  if (!isNumber(step) || step <= 0) return 2;
  for (let n = 0; n < 12; n++) {
    const scaled = step * 10 ** n;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return n;
  }
  return 12;
}

export function fixed(value, decimals) {
  if (!isNumber(value)) return NOTHING;
  return formatter(decimals).format(value).replace("-", MINUS);
}

/** With its sign, and none for what rounds to zero. */
export function signed(value, decimals) {
  if (!isNumber(value)) return NOTHING;
  const text = formatter(decimals).format(Math.abs(value));
  if (!/[1-9]/.test(text)) return text;
  return (value > 0 ? "+" : MINUS) + text;
}

export const percent = (value, decimals = 1) => (isNumber(value) ? fixed(value * 100, decimals) + "\u202f%" : NOTHING);

/** Microseconds as the unit a reader expects. */
export function micros(value) {
  if (!isNumber(value)) return NOTHING;
  if (value < 1000) return fixed(value, value < 10 ? 1 : 0) + "\u202fµs";
  return fixed(value / 1000, value < 10000 ? 1 : 0) + "\u202fms";
}

/** UTC time of day of milliseconds since 1970, with so many decimals of a second. */
export function clockTime(ms, decimals = 0) {
  if (!isNumber(ms)) return NOTHING;
  const text = new Date(ms).toISOString();
  return text.slice(11, decimals ? 20 + decimals : 19);
}

export const day = (ms) => (isNumber(ms) ? new Date(ms).toISOString().slice(0, 10) : "");

/** A span of time in the two largest units that matter. */
export function span(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return fixed(seconds, 1) + "\u202fs";
  if (seconds < 120) return fixed(seconds, 0) + "\u202fs";
  if (seconds < 7200) return fixed(seconds / 60, 0) + "\u202fmin";
  return fixed(seconds / 3600, 1) + "\u202fh";
}

/** Decimals that money of these amounts needs: cents; more where all of it is less (coin-margined), fewer where it is long. */
export function moneyDecimals(...amounts) {
  const most = Math.max(0, ...amounts.filter(isNumber).map(Math.abs));
  if (most >= 10_000) return most >= 100_000 ? 0 : 1;
  return most === 0 || most >= 0.01 ? 2 : Math.min(8, Math.ceil(-Math.log10(most)) + 2);
}
