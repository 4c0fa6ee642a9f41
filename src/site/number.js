// Numbers for people. The unit stands where the number is explained; here are only its digits.

/** Whole, with separators: `12,345`. */
export function whole(value) {
  return value.toLocaleString("en", { maximumFractionDigits: 0 });
}

/** Three digits that mean something, and no more places than they need: `0.042`, `1.5`, `1,234`. */
export function brief(value) {
  if (Math.abs(value) >= 100) return whole(value);
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** As short as an axis needs it: `500`, `20k`, `3M`. */
export function short(value) {
  if (value < 10_000) return brief(value);
  return value.toLocaleString("en", { notation: "compact" }).replace("K", "k");
}

/** Bytes with their unit, where there is no head of a column to say it. */
export function bytes(value) {
  return `${whole(value)} ${value === 1 ? "byte" : "bytes"}`;
}

/** A time with a unit that suits it: `85 µs`, `1.2 ms`, `3 s`. */
export function time(value_us) {
  if (value_us < 1_000) return `${brief(value_us)} µs`;
  if (value_us < 1_000_000) return `${brief(value_us / 1_000)} ms`;
  return `${brief(value_us / 1_000_000)} s`;
}

/** A span that one waits for: `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function span(value_us) {
  const s = Math.floor(value_us / 1_000_000);
  const two = (number) => String(number).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${Math.floor(s / 3_600)} h ${two(Math.floor(s / 60) % 60)} min`;
}
