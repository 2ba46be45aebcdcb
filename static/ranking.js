// Which lines fit what is typed, the best first.

/**
 * How well the letters of a query fit a text: each word as the beginning of a word, inside one, or letter by letter.
 * Zero means that it does not fit.
 * @param {string} query
 * @param {string} text
 */
export const fit = (query, text) => pointsFor(wordsOf(query), text);

/** @param {string} query */
const wordsOf = (query) => query.toLowerCase().split(/\s+/).filter(Boolean);

/**
 * @param {string[]} words
 * @param {string} text
 */
function pointsFor(words, text) {
  let points = 0;
  const low = text.toLowerCase();
  for (const word of words) {
    const at = low.indexOf(word);
    if (at >= 0) { points += at === 0 || !/[\p{L}\p{N}_]/u.test(low[at - 1]) ? 100 - Math.min(at, 40) : 40; continue; }
    let from = 0;
    for (const letter of word) {
      from = low.indexOf(letter, from) + 1;
      if (!from) return 0;
    }
    points += 5;
  }
  return points || 1;
}

/**
 * The items that fit best; of equals the earlier ones.
 * @template {Item} T
 * @param {string} query
 * @param {T[]} items
 * @returns {T[]}
 */
export function best(query, items, most = 50) {
  if (!query.trim()) return items.slice(0, most);
  const words = wordsOf(query), found = [];
  for (const item of items) {
    const points = pointsFor(words, item.search ?? item.label);
    if (points) found.push({ item, points: points + (item.boost ?? 0) });
  }
  return found.sort((a, b) => b.points - a.points).slice(0, most).map((f) => f.item);
}

/**
 * What was chosen last comes first, here and among what fits as well.
 * @template {Item} T
 * @param {T[]} items
 * @param {string[]} recent labels, the latest first
 * @returns {T[]}
 */
export function recentFirst(items, recent) {
  const places = new Map(recent.map((label, n) => [label, recent.length - n]));
  return items.map((item) => ({ ...item, boost: places.get(item.label) ?? 0 })).sort((a, b) => b.boost - a.boost);
}
