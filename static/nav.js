// Follow a link without leaving the page: the socket, uploads and scroll positions stay.

import { $, isPlain, on, openTicket, the } from "./dom.js";
import { Problem, fetchPage, isAbort, withPart } from "./api.js";
import { morph } from "./morph.js";
import { live, readPage } from "./live.js";
import { refresh as refreshTimes } from "./times.js";
import { complain } from "./toasts.js";

/** @type {AbortController | null} */
let under = null;

/** @param {string} url */
export async function go(url, { push = true } = {}) {
  under?.abort();
  under = new AbortController();
  let page;
  try { page = await fetchPage(url, { signal: under.signal }); } catch (error) {
    // Without the desk the page at hand is worth more than the browser's words about it.
    if (error instanceof Problem) complain(error); else if (!isAbort(error)) location.assign(url);
    return;
  }
  if (!page?.querySelector("#main")) { location.assign(url); return; }
  if (push) history.pushState(null, "", url);
  show(page);
}

/** @param {Document} page */
function show(page) {
  const before = openTicket(), main = the("#main"), next = the("#main", page);
  const ticket = Number($("#conversation", next)?.dataset.ticket) || null;
  document.dispatchEvent(new Event("desk:leave"));
  if (ticket !== before) { $("#conversation")?.remove(); $("#properties")?.remove(); }
  if ($("#queue h1", next)?.textContent !== $("#queue h1")?.textContent) $("#list")?.scrollTo(0, 0);
  document.title = page.title;
  document.body.dataset.page = page.body.dataset.page;
  document.body.dataset.live = page.body.dataset.live;
  morph(main, next);
  morph(the("#rail"), the("#rail", page));
  refreshTimes(main);
  live.join(readPage());
  document.dispatchEvent(new Event("desk:page"));
  if (matchMedia("(max-width: 759px)").matches) scrollTo(0, 0);
  else if (document.activeElement === document.body) main.focus({ preventScroll: true });
}

/**
 * Fetch a part of the present page again; null when it cannot be had now, or the page is another one by then.
 * @param {string} part
 * @param {Record<string, string | number>} [extra]
 */
export async function refreshPart(part, extra) {
  const here = location.href;
  const page = await fetchPage(withPart(part, extra)).catch(() => null);
  return page && location.href === here ? page : null;
}

export function start() {
  on("click", "a[data-soft]", (event, link) => {
    if (event.defaultPrevented || !isPlain(event)) return;
    event.preventDefault();
    go(link.href);
  });
  on("change", "#filters select, #period select", (event, { form }) => {
    if (!form) return;
    const url = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, String(value));
    go(url.href);
  });
  addEventListener("popstate", () => { if (!location.hash) go(location.href, { push: false }); });
}
