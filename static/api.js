// Talking to the desk: JSON calls that reject with the desk's own words, and pieces of pages.

import { language, t } from "./words.js";

/** The desk did not do what it was asked; status 0 means that it could not be reached. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {ProblemBody | null} body
   */
  constructor(status, body) {
    super(body?.detail || body?.title || t("The desk answered {status}.", { status }));
    this.status = status;
    this.code = body?.code ?? "network";
  }
}

/**
 * What every call carries: who asks, and in which language an answer is understood.
 * @param {Record<string, string>} [more]
 * @returns {Record<string, string>}
 */
export const headers = (more) => ({
  Accept: "application/json",
  "Accept-Language": language,
  "X-CSRF-Token": document.querySelector("meta[name=csrf-token]")?.getAttribute("content") ?? "",
  ...more,
});

const unreached = () => new Problem(0, { detail: t("The desk cannot be reached.") });

/** @param {unknown} error */
export const isAbort = (error) => error instanceof Error && error.name === "AbortError";

/**
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ key?: string }} [options] `key` makes a repeated call count once
 * @returns {Promise<T>}
 */
export async function call(method, path, body, { key } = {}) {
  const said = headers();
  if (body !== undefined) said["Content-Type"] = "application/json";
  if (key) said["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(path, { method, headers: said, body: JSON.stringify(body) });
  } catch {
    throw unreached();
  }
  const data = parsed(await answer.text());
  if (answer.ok) return data;
  if (answer.status === 401) toLogin();
  throw new Problem(answer.status, data);
}

/**
 * What an answer says, or null when it is not the desk's own.
 * @param {string} text
 */
export function parsed(text) {
  try { return text ? JSON.parse(text) : null; } catch { return null; }
}

/**
 * Every item of a list that comes in pages.
 * @template T
 * @param {string} path
 * @returns {Promise<T[]>}
 */
export async function callAll(path) {
  /** @type {T[]} */
  const found = [];
  /** @type {string | null} */
  let cursor = "";
  while (cursor !== null) {
    /** @type {Paged<T>} */
    const page = await call("GET", `${path}?limit=100${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * Fetch a page, or a part of one, as a document; null when we were sent elsewhere or were refused.
 * @param {string | URL} url
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function fetchPage(url, { signal } = {}) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, signal }).catch((error) => { throw isAbort(error) ? error : unreached(); });
  if (answer.redirected && new URL(answer.url).pathname === "/login") { toLogin(); return null; }
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Parsed without scripting, so their content became real; here it must not exist.
  for (const plain of page.querySelectorAll("noscript")) plain.remove();
  return page;
}

/**
 * @param {string} part
 * @param {Record<string, string | number>} [extra]
 * @param {string | URL} [base]
 */
export function withPart(part, extra = {}, base = location.href) {
  const url = new URL(base);
  url.hash = "";
  url.searchParams.set("part", part);
  for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, String(value));
  return url.pathname + url.search;
}
