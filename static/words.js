// What people read, in their language. English is the id of each text, and what is read where a translation is missing.

export const language = document.documentElement.lang || "en";

const plural = new Intl.PluralRules(language);

/** @type {Record<string, string | string[]>} */
const catalogue = language === "en" ? {} : await fetch(import.meta.resolve(`./words/${language}.json`))
  .then((answer) => (answer.ok ? answer.json() : {}))
  // A page in English is better than none.
  .catch(() => ({})) ?? {};

/**
 * A text with its placeholders, as in `t("Assigned to {name}", { name })`.
 * @param {string} id
 * @param {TextValues} [values]
 * @returns {string}
 */
export function t(id, values) {
  const found = catalogue[id];
  return fill(typeof found === "string" && found || id, values);
}

/**
 * The same for a number of things; the number itself is `{n}`.
 * @param {string} one
 * @param {string} many
 * @param {number} n
 * @param {TextValues} [values]
 * @returns {string}
 */
export function tn(one, many, n, values) {
  const found = catalogue[one], form = Array.isArray(found) && found[plural.select(n) === "one" ? 0 : 1];
  return fill(form || (n === 1 ? one : many), { n, ...values });
}

/**
 * @param {string} text
 * @param {TextValues} [values]
 */
const fill = (text, values = {}) => text.replace(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
