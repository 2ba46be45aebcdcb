// The list: a row that has the focus, rows that are selected, live rows and counts, and acting on many at once.

import { $, $$, button, el, hit, me, on, openTicket, paced, the } from "./dom.js";
import { call } from "./api.js";
import { morph } from "./morph.js";
import { live } from "./live.js";
import { refreshPart } from "./nav.js";
import { refresh as refreshTimes } from "./times.js";
import { toast, complain, stepsBack } from "./toasts.js";
import { openMenu } from "./picker.js";
import { t } from "./words.js";

/** @typedef {"status" | "priority" | "assign" | "tag"} BulkAction */
/** @typedef {{ action: BulkAction, status?: string, priority?: string, assigned_to?: number | null, add_tags?: string[], remove_tags?: string[], comment?: string }} BulkChange */

const BATCH = 100;
/** @type {Set<number>} */
const selected = new Set();
/** The row that the keys are on. @type {number | null} */
let current = null;
/** Where a stretch of selected rows begins. @type {number | null} */
let anchor = null;
/** When changes were heard of, of late. @type {number[]} */
let heard = [];
let depth = 0, soon = 0, later = 0, stale = false;

const rows = () => $$(".row-ticket");
/** @param {HTMLElement} row */
const idOf = (row) => Number(row.dataset.ticket);
/** @param {number | null} id */
const rowOf = (id) => $(`#row-${id}`);
const focusedRow = () => hit({ target: document.activeElement }, ".row-ticket");

/** @param {number} step */
export function move(step, extend = false) {
  const all = rows();
  if (!all.length || !$("#list")?.offsetParent) return;
  const now = rowOf(current) ?? $(".row-ticket.is-open"), here = now ? all.indexOf(now) : -1;
  const next = all[Math.min(all.length - 1, Math.max(0, here + step))];
  if (extend) {
    anchor ??= idOf(now ?? next);
    for (const id of [anchor, idOf(next)]) selected.add(id);
    drawSelection();
  }
  focusRow(next);
}

/** @param {HTMLElement} row */
function focusRow(row) {
  current = idOf(row);
  rove();
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

export const currentRow = () => focusedRow() ?? (openTicket() ? null : rowOf(current));

export function openCurrent() {
  const row = focusedRow() ?? rowOf(current);
  if (row) $(".cell-title a", row)?.click();
}

/** @param {boolean} extend */
export function toggleCurrent(extend) {
  const row = rowOf(current) ?? $(".row-ticket");
  if (!row) return;
  pick(row, extend);
  focusRow(row);
}

/**
 * @param {HTMLElement} row
 * @param {boolean} extend
 */
function pick(row, extend) {
  const all = rows().map(idOf), id = idOf(row), from = all.indexOf(anchor ?? -1), to = all.indexOf(id);
  if (extend && from >= 0) {
    for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) selected.add(between);
  } else {
    if (!selected.delete(id)) selected.add(id);
    anchor = id;
  }
  drawSelection();
}

export function clearSelection() {
  selected.clear();
  anchor = null;
  drawSelection();
}

function rove() {
  const all = rows();
  const chosen = rowOf(current) ?? $(".row-ticket.is-open") ?? all[0];
  for (const row of all) row.tabIndex = row === chosen ? 0 : -1;
}

function drawSelection() {
  for (const row of rows()) {
    const is = selected.has(idOf(row));
    row.setAttribute("aria-selected", String(is));
    const box = $("input", row);
    if (box) box.checked = is;
  }
  $("#grid")?.classList.toggle("picking", selected.size > 0);
  drawBulk();
}

function drawBulk() {
  $("#bulk")?.remove();
  const queue = $("#queue");
  if (!selected.size || !me.isStaff || !queue) return;
  const offer = (/** @type {string} */ label, /** @type {BulkAction} */ action) => {
    const made = button(label, () => bulkMenu(made, action));
    return made;
  };
  queue.append(el("div", { class: "bulk", id: "bulk", "data-hold": true, role: "group", "aria-label": t("Selected tickets") },
    el("strong", { class: "nums" }, t("{n} selected", { n: selected.size })), el("span", { class: "grow" }),
    offer(t("Set status…"), "status"), offer(t("Set priority…"), "priority"), offer(t("Assign…"), "assign"), offer(t("Add tag…"), "tag"),
    button(t("Select all"), () => { for (const row of rows()) selected.add(idOf(row)); drawSelection(); }), button(t("Clear"), clearSelection)));
}

export const selection = () => [...selected];

/** @param {string} name */
const filterItems = (name) => $$(`#filters [name=${name}] option`).filter((o) => o.value && o.value !== "none").map((o) => ({ value: o.value, label: o.textContent ?? "" }));

/** @type {Record<BulkAction, () => { title: string, items: Item[] }>} */
const MENUS = {
  status: () => ({ title: t("Move them to…"), items: filterItems("status").filter((item) => item.value !== "new") }),
  priority: () => ({ title: t("How urgent are they?"), items: filterItems("priority") }),
  assign: () => ({ title: t("Who takes them?"), items: [{ value: "", label: t("Nobody") }, ...filterItems("assigned_to").map((i) => (i.value === "me" ? { value: me.id, label: t("Me") } : i))] }),
  tag: () => ({ title: t("Tag to add…"), items: [] }),
};

/** @type {Record<BulkAction, (value: string, comment?: string) => Omit<BulkChange, "action">>} */
const CHANGES = {
  status: (status, comment) => ({ status, comment }),
  priority: (priority) => ({ priority }),
  assign: (id) => ({ assigned_to: id === "" ? null : Number(id) }),
  tag: (tag) => ({ add_tags: [tag] }),
};

/**
 * @param {HTMLElement | null} at
 * @param {BulkAction} action
 */
export async function bulkMenu(at, action) {
  const picked = await openMenu({ ...MENUS[action](), at, free: action === "tag", ask: (item) => action === "status" && ["on_hold", "closed", "open"].includes(String(item.value)) });
  if (picked) await act([...selected], { action, ...CHANGES[action](String(picked.value), picked.comment) }, picked.label);
}

/**
 * @param {number[]} ids
 * @param {BulkChange} change
 * @param {string} label
 */
async function act(ids, change, label) {
  /** @type {Map<number, DOMStringMap>} */
  const before = new Map(ids.map((id) => [id, { ...rowOf(id)?.dataset }]));
  try {
    const results = await bulk(ids, change);
    const done = results.filter((r) => r.ok).map((r) => r.id), failed = results.filter((r) => !r.ok);
    clearSelection();
    refreshList();
    const values = { label, done: done.length, failed: failed.length };
    const text = failed.length ? t("{label}: {done} done, {failed} not", values) : t("{label}: {done} done", values);
    const back = done.filter((id) => change.action !== "status" || before.get(id)?.status !== "new"); // nothing returns to new
    toast(text, { undo: back.length ? () => undo(back, change, before) : undefined });
    if (failed.length) report(text, failed);
  } catch (error) { complain(error); }
}

/**
 * @param {number[]} ids
 * @param {BulkChange} change
 */
async function bulk(ids, change) {
  const all = [];
  for (let from = 0; from < ids.length; from += BATCH) {
    /** @type {{ results: BulkResult[] }} */
    const { results } = await call("POST", "/api/tickets/bulk", { ids: ids.slice(from, from + BATCH), ...change });
    all.push(...results);
  }
  return all;
}

/**
 * @param {string} title
 * @param {BulkResult[]} failed
 */
function report(title, failed) {
  const list = el("ul", { class: "stack" }, ...failed.map(({ id, error }) => el("li", {},
    el("a", { href: `/tickets/${id}` }, `#${id}`), " ", error?.detail ?? error?.message ?? error?.code ?? t("was refused"))));
  const box = el("dialog", { class: "dialog", "aria-label": t("What was not done") },
    el("form", { class: "block", method: "dialog" }, el("h2", {}, title), list, el("div", { class: "form-end" }, el("button", { class: "button primary" }, t("Close")))));
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  box.showModal();
}

/**
 * What leads back to what a row said before, one after the other.
 * @param {BulkChange} change
 * @param {DOMStringMap} was
 * @returns {BulkChange[]}
 */
function wayBack({ action, status = "", add_tags: added }, was) {
  switch (action) {
    case "status": return stepsBack(status, was.status ?? "").map((to) => ({ action, status: to, comment: t("Undone") }));
    case "priority": return [{ action, priority: was.priority }];
    case "assign": return [{ action, assigned_to: was.assignee ? Number(was.assignee) : null }];
    case "tag": return [{ action, remove_tags: added }];
  }
}

/**
 * The way back: each ticket to what its row said before, in as few calls as there are different values.
 * @param {number[]} ids
 * @param {BulkChange} change
 * @param {Map<number, DOMStringMap>} before
 */
async function undo(ids, change, before) {
  /** @type {Map<string, { back: BulkChange[], some: number[] }>} */
  const groups = new Map();
  for (const id of ids) {
    const back = wayBack(change, before.get(id) ?? {}), key = JSON.stringify(back);
    const group = groups.get(key) ?? { back, some: [] };
    group.some.push(id);
    groups.set(key, group);
  }
  try {
    const failed = [];
    for (const { back, some } of groups.values()) {
      for (const step of back) failed.push(...(await bulk(some, step)).filter((r) => !r.ok));
    }
    toast(t("Undone"));
    if (failed.length) report(t("What was not undone"), failed);
    refreshList();
  } catch (error) { complain(error); }
}

// Few changes show at once. Of many, rows change where they stand; their order follows when there is time to look.
const RUSH = 8, SOON = 120, PACE = 350, SLOW = 2000;
const rushes = () => {
  const now = performance.now();
  heard = heard.filter((at) => at > now - 3000);
  return heard.length > RUSH;
};

const pull = paced(async () => {
  stale = document.hidden;
  if (stale) return;
  const asked = depth;
  const page = await refreshPart($("#queue") ? "list" : "rail", { shown: Math.max(depth, rows().length) });
  if (!page) return;
  if (asked !== depth) { refreshList(); return; }
  await nextFrame();
  const next = $("#queue", page), queue = $("#queue");
  if (next && queue) {
    if (rushes() && isInUse()) inPlace(next); else inOrder(queue, next);
    refreshTimes(queue);
    afterDraw();
  }
  await nextFrame();
  const rail = $("#rail", page);
  if (rail) morph(the("#rail"), rail);
  const count = /^\(\d+\) /.exec(page.title)?.[0] ?? "";
  document.title = count + document.title.replace(/^\(\d+\) /, "");
}, () => (rushes() ? SLOW : PACE));

/** A moment later, so that the open ticket is drawn first and what comes together is fetched together. */
export function refreshList() {
  soon ||= setTimeout(() => { soon = 0; pull(); }, SOON);
}

const nextFrame = () => new Promise((done) => { setTimeout(done, 0); });
const isInUse = () => Boolean($("#list:hover") || $("#list")?.contains(document.activeElement) || selected.size);

/**
 * A row that gets another place is drawn anew there: it does not wander across the screen.
 * @param {HTMLElement} queue
 * @param {HTMLElement} next
 */
function inOrder(queue, next) {
  const focused = focusedRow()?.id;
  const places = new Map($$(".row-ticket", next).map((row, n) => [row.id, n]));
  rows().forEach((row, n) => { if (places.get(row.id) !== n) row.remove(); });
  morph(queue, next);
  if (focused) $(`#${focused}`)?.focus({ preventScroll: true });
}

/**
 * Under the hand of a reader nothing changes places.
 * @param {HTMLElement} next
 */
function inPlace(next) {
  for (const row of $$(".row-ticket", next)) {
    const here = $(`#${row.id}`);
    if (here) morph(here, row);
  }
  the("#total").textContent = the("#total", next).textContent;
  clearTimeout(later);
  later = setTimeout(refreshList, SLOW);
}

function afterDraw() {
  for (const id of [...selected]) if (!rowOf(id)) selected.delete(id);
  rove();
  if (selected.size || $("#bulk")) drawSelection();
}

export function start() {
  afterDraw();
  document.addEventListener("desk:page", () => { depth = 0; clearSelection(); afterDraw(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) refreshList(); });
  on("change", ".row-ticket input", (event, box) => { const row = hit({ target: box }, ".row-ticket"); if (row) pick(row, false); });
  on("focusin", ".row-ticket", (event, row) => { current = idOf(row); rove(); });
  on("click", "#more", async (event) => {
    event.preventDefault();
    depth = rows().length + 50;
    const page = await refreshPart("list", { shown: depth }), queue = $("#queue");
    if (page && queue) { morph(queue, the("#queue", page)); refreshTimes(queue); afterDraw(); }
  });
  const changed = () => { heard.push(performance.now()); refreshList(); };
  live.on("ticket_updated", changed);
  live.on("new_message", changed);
  live.on("file_uploaded", changed);
  live.on("notifications_read", refreshList); // read in another window
  live.on("resync", refreshList);
}
