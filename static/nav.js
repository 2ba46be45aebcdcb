// Follow a link without leaving the page: the socket, uploads and scroll positions stay.

import { $, on, openTicket } from "./dom.js";
import { fetchPage, withPart } from "./api.js";
import { morph } from "./morph.js";
import { live, readPage } from "./live.js";
import { refresh as refreshTimes } from "./times.js";

let under = null;

export async function go(url, { push = true } = {}) {
  under?.abort();
  under = new AbortController();
  let page;
  try { page = await fetchPage(url, { signal: under.signal }); } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
    return;
  }
  if (!page?.querySelector("#main")) { location.assign(url); return; }
  if (push) history.pushState(null, "", url);
  show(page);
}

function show(page) {
  const before = openTicket(), main = $("#main"), next = page.querySelector("#main");
  const ticket = Number(next.querySelector("#conversation")?.dataset.ticket) || null;
  document.dispatchEvent(new CustomEvent("desk:leave"));
  if (ticket !== before) $("#conversation")?.remove(), $("#properties")?.remove();
  if (next.querySelector("#queue h1")?.textContent !== $("#queue h1")?.textContent) $("#list")?.scrollTo(0, 0);
  document.title = page.title;
  document.body.dataset.page = page.body.dataset.page;
  document.body.dataset.live = page.body.dataset.live;
  morph(main, next);
  morph($("#rail"), page.querySelector("#rail"));
  refreshTimes(main);
  live.join(readPage());
  document.dispatchEvent(new CustomEvent("desk:page"));
  if (matchMedia("(max-width: 759px)").matches) scrollTo(0, 0);
  else if (document.activeElement === document.body) main.focus({ preventScroll: true });
}

// Fetch a part of the present page again, and put it in place.
export async function refreshPart(part, extra) {
  const here = location.href;
  const page = await fetchPage(withPart(part, extra)).catch(() => null);
  return page && location.href === here ? page : null;
}

export function start() {
  on("click", "a[data-soft]", (event, link) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.href);
  });
  on("change", "#filters select, #period select", (event, field) => {
    const url = new URL(field.form.action);
    for (const [name, value] of new FormData(field.form)) if (value) url.searchParams.set(name, value);
    go(url.href);
  });
  addEventListener("popstate", () => { if (!location.hash) go(location.href, { push: false }); });
}
