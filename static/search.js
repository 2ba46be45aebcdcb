// Search while you type, on the search page.

import { $, on, the } from "./dom.js";
import { fetchPage, isAbort, withPart } from "./api.js";
import { morph } from "./morph.js";
import { refresh as refreshTimes } from "./times.js";
import { complain } from "./toasts.js";

let timer = 0;
/** @type {AbortController | null} */
let under = null;

/** @param {string} query */
async function look(query) {
  under?.abort();
  under = new AbortController();
  const url = new URL("/search", location.href);
  if (query) url.searchParams.set("q", query);
  try {
    const page = await fetchPage(withPart("results", {}, url), { signal: under.signal }), here = $("#results");
    if (!page || !here) return;
    morph(here, the("#results", page));
    refreshTimes(here);
    history.replaceState(null, "", url);
  } catch (error) {
    // A newer look has taken over, or the desk is away.
    if (!isAbort(error)) complain(error);
  }
}

export function start() {
  on("input", "#search", (event, field) => {
    if (document.body.dataset.page !== "search") return;
    clearTimeout(timer);
    timer = setTimeout(() => look(field.value.trim()), 120);
  });
  if (document.body.dataset.page === "search") { the("#search").focus(); the("#search").setSelectionRange(-1, -1); }
}
