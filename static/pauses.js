// How long to rest before another try: longer each time, never twice the same, and never for good.

export const FIRST = 500, LAST = 30_000;

/**
 * Milliseconds until the line is dialled again after it fell `tries` times in a row.
 * @param {number} tries
 * @param {number} chance from 0 up to 1
 */
export const backOff = (tries, chance = Math.random()) => FIRST + chance * (Math.min(LAST, 2 * FIRST * 2 ** tries) - FIRST);

/**
 * What a server that restarts advises, so that not everybody comes back at once; null when it says nothing of use.
 * @param {number} code
 * @param {string} [reason]
 * @returns {number | null}
 */
export function advised(code, reason) {
  if (code !== 1012) return null;
  let advice;
  try { advice = JSON.parse(reason || "null")?.retry_ms; } catch { /* no advice */ }
  return typeof advice === "number" && advice >= 0 ? Math.min(advice, LAST) : FIRST;
}
