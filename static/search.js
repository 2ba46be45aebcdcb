// Search while you type, on the search page.

import { $, on } from "./dom.js";
import { fetchPage, withPart } from "./api.js";
import { morph } from "./morph.js";
import { refresh as refreshTimes } from "./times.js";

let timer = 0, under = null;

async function look(query) {
  under?.abort();
  under = new AbortController();
  const url = new URL("/search", location.href);
  if (query) url.searchParams.set("q", query);
  try {
    const page = await fetchPage(withPart("results", {}, url), { signal: under.signal });
    if (!page || !$("#results")) return;
    morph($("#results"), page.querySelector("#results"));
    refreshTimes($("#results"));
    history.replaceState(null, "", url);
  } catch { /* a newer look has taken over */ }
}

export function start() {
  on("input", "#search", (event, field) => {
    if (document.body.dataset.page !== "search") return;
    clearTimeout(timer);
    timer = setTimeout(() => look(field.value.trim()), 120);
  });
  if (document.body.dataset.page === "search") { $("#search").focus(); $("#search").setSelectionRange(-1, -1); }
}
