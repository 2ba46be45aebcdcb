// Talking to the desk: JSON calls that reject with the desk's own words, and pieces of pages.

import { $ } from "./dom.js";

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The desk answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "network";
    this.body = body ?? {};
  }
}

export const csrf = () => $('meta[name="csrf-token"]')?.content ?? "";

export async function call(method, path, body, { key, signal } = {}) {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The desk cannot be reached." });
  }
  const text = await answer.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { /* not ours */ }
  if (answer.ok) return data;
  if (answer.status === 401) toLogin();
  throw new Problem(answer.status, data);
}

export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// Fetch a page, or a part of one, as a document; null when we were sent elsewhere or it failed.
export async function fetchPage(url, { signal } = {}) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, signal });
  if (answer.redirected && new URL(answer.url).pathname === "/login") { toLogin(); return null; }
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Parsed without scripting, so their content became real; here it must not exist.
  for (const plain of page.querySelectorAll("noscript")) plain.remove();
  return page;
}

export function withPart(part, extra = {}, base = location.href) {
  const url = new URL(base);
  url.hash = "";
  url.searchParams.set("part", part);
  for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, value);
  return url.pathname + url.search;
}
