// The list: a row that has the focus, rows that are selected, live rows and counts, and acting on many at once.

import { $, $$, el, me, on, openTicket, paced } from "./dom.js";
import { call } from "./api.js";
import { morph } from "./morph.js";
import { live } from "./live.js";
import { refreshPart } from "./nav.js";
import { refresh as refreshTimes } from "./times.js";
import { toast, complain, wayBack } from "./toasts.js";
import { openMenu } from "./picker.js";

const BATCH = 100;
const selected = new Set();
let current = null, anchor = null, heard = [], depth = 0;

const rows = () => $$(".row-ticket");
const idOf = (row) => Number(row.dataset.ticket);
const rowOf = (id) => $(`#row-${id}`);

export function move(step, extend = false) {
  const all = rows();
  if (!all.length || !$("#list").offsetParent) return;
  const here = all.indexOf(rowOf(current) ?? $(".row-ticket.is-open"));
  const next = all[Math.min(all.length - 1, Math.max(0, here + step))];
  if (extend) {
    anchor ??= here < 0 ? next : all[here];
    select(anchor, true);
    select(next, true);
    drawSelection();
  }
  focusRow(next);
}

export function focusRow(row) {
  if (!row) return;
  current = idOf(row);
  rove();
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

export const currentRow = () => (document.activeElement?.closest?.(".row-ticket") ?? (openTicket() ? null : rowOf(current)));

export function openCurrent() {
  const row = document.activeElement?.closest?.(".row-ticket") ?? rowOf(current);
  $(".cell-title a", row ?? document.createElement("i"))?.click();
}

export function toggleCurrent(extend) {
  const row = rowOf(current) ?? $(".row-ticket");
  if (!row) return;
  pick(row, extend);
  focusRow(row);
}

function pick(row, extend) {
  const all = rows(), from = all.indexOf(anchor), to = all.indexOf(row);
  if (extend && from >= 0) {
    for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) select(between, true);
  } else {
    select(row, !selected.has(idOf(row)));
    anchor = row;
  }
  drawSelection();
}

function select(row, yes) {
  if (yes) selected.add(idOf(row)); else selected.delete(idOf(row));
}

export function clearSelection() {
  const had = selected.size > 0;
  selected.clear();
  anchor = null;
  drawSelection();
  return had;
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
  if (!selected.size || !me.isStaff || !$("#queue")) return;
  const button = (label, run) => {
    const made = el("button", { class: "button small", type: "button" }, label);
    made.addEventListener("click", () => run(made));
    return made;
  };
  $("#queue").append(el("div", { class: "bulk", id: "bulk", "data-hold": true, role: "group", "aria-label": "Selected tickets" },
    el("strong", { class: "nums" }, `${selected.size} selected`), el("span", { class: "grow" }),
    button("Set status…", (at) => bulkMenu(at, "status")), button("Set priority…", (at) => bulkMenu(at, "priority")),
    button("Assign…", (at) => bulkMenu(at, "assign")), button("Add tag…", (at) => bulkMenu(at, "tag")),
    button("Select all", () => { for (const row of rows()) select(row, true); drawSelection(); }), button("Clear", clearSelection)));
}

export const selection = () => [...selected];

const filterItems = (name) => $$(`#filters [name=${name}] option`).filter((o) => o.value && o.value !== "none")
  .map((o) => ({ value: o.value, label: o.textContent }));

export async function bulkMenu(at, action) {
  const items = {
    status: () => filterItems("status").filter((item) => item.value !== "new"),
    priority: () => filterItems("priority"),
    assign: () => [{ value: "", label: "Nobody" }, ...filterItems("assigned_to").map((i) => (i.value === "me" ? { value: me.id, label: "Me" } : i))],
    tag: () => [],
  }[action]();
  const titles = { status: "Move them to…", priority: "How urgent are they?", assign: "Who takes them?", tag: "Tag to add…" };
  const picked = await openMenu({ title: titles[action], items, at, free: action === "tag", ask: (item) => action === "status" && ["on_hold", "closed", "open"].includes(item.value) });
  if (!picked) return;
  const change = {
    status: { status: picked.value, comment: picked.comment || undefined },
    priority: { priority: picked.value },
    assign: { assigned_to: picked.value === "" ? null : Number(picked.value) },
    tag: { add_tags: [picked.value] },
  }[action];
  await act([...selected], { action, ...change }, `${picked.label}`);
}

async function act(ids, change, label) {
  const before = new Map(ids.map((id) => [id, { ...rowOf(id)?.dataset }]));
  try {
    const results = await bulk(ids, change);
    const done = results.filter((r) => r.ok).map((r) => r.id), failed = results.filter((r) => !r.ok);
    clearSelection();
    refreshList();
    const text = `${label}: ${done.length} done${failed.length ? `, ${failed.length} not` : ""}`;
    const back = done.filter((id) => change.action !== "status" || before.get(id).status !== "new"); // nothing returns to new
    toast(text, { undo: back.length ? () => undo(back, change, before) : undefined });
    if (failed.length) report(text, failed);
  } catch (error) { complain(error); }
}

async function bulk(ids, change) {
  const results = [];
  for (let from = 0; from < ids.length; from += BATCH) {
    results.push(...(await call("POST", "/api/tickets/bulk", { ids: ids.slice(from, from + BATCH), ...change })).results);
  }
  return results;
}

function report(title, failed) {
  const list = el("ul", { class: "stack" }, ...failed.map((r) => el("li", {},
    el("a", { href: `/tickets/${r.id}` }, `#${r.id}`), ` ${r.error?.detail ?? r.error?.message ?? r.error?.code ?? "was refused"}`)));
  const close = el("button", { class: "button primary" }, "Close");
  const box = el("dialog", { class: "dialog", "aria-label": "What was not done" },
    el("form", { class: "block", method: "dialog" }, el("h2", {}, title), list, el("div", { class: "form-end" }, close)));
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  box.showModal();
}

// The way back: each ticket to what its row said before, in as few calls as there are different values.
async function undo(ids, change, before) {
  const groups = new Map();
  for (const id of ids) {
    const was = before.get(id) ?? {};
    const back = {
      status: { way: wayBack(change.status, was.status) }, priority: { priority: was.priority },
      assign: { assigned_to: was.assignee ? Number(was.assignee) : null }, tag: { remove_tags: change.add_tags },
    }[change.action];
    const key = JSON.stringify(back);
    if (!groups.has(key)) groups.set(key, { back, ids: [] });
    groups.get(key).ids.push(id);
  }
  try {
    const results = new Map();
    for (const { back: { way, ...back }, ids: some } of groups.values()) {
      for (const step of way?.map((status) => ({ status, comment: "Undone" })) ?? [back]) {
        for (const each of await bulk(some, { action: change.action, ...step })) results.set(each.id, each);
      }
    }
    const failed = [...results.values()].filter((r) => !r.ok);
    refreshList();
    if (!failed.length) toast("Undone"); else report(`Undone: ${ids.length - failed.length} done, ${failed.length} not`, failed);
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
  if (document.hidden) { stale = true; return; }
  stale = false;
  const asked = depth;
  const page = await refreshPart($("#queue") ? "list" : "rail", { shown: Math.max(depth, rows().length) });
  if (!page) return;
  if (asked !== depth) { refreshList(); return; }
  await nextFrame();
  const next = page.querySelector("#queue"), queue = $("#queue");
  if (next && queue) {
    if (rushes() && isInUse()) inPlace(next); else inOrder(queue, next);
    refreshTimes(queue);
    afterDraw();
  }
  await nextFrame();
  const rail = page.querySelector("#rail");
  if (rail) morph($("#rail"), rail);
  const count = /^\(\d+\) /.exec(page.title)?.[0] ?? "";
  document.title = count + document.title.replace(/^\(\d+\) /, "");
}, () => (rushes() ? SLOW : PACE));

// A moment later, so that the open ticket is drawn first and what comes together is fetched together.
let soon = 0;
export function refreshList() {
  soon ||= setTimeout(() => { soon = 0; pull(); }, SOON);
}

const nextFrame = () => new Promise((done) => { setTimeout(done, 0); });
const isInUse = () => Boolean($("#list:hover") || $("#list")?.contains(document.activeElement) || selected.size);

// A row that gets another place is drawn anew there: it does not wander across the screen.
function inOrder(queue, next) {
  const focused = document.activeElement?.closest?.(".row-ticket")?.id;
  const places = new Map([...next.querySelectorAll(".row-ticket")].map((row, n) => [row.id, n]));
  rows().forEach((row, n) => { if (places.get(row.id) !== n) row.remove(); });
  morph(queue, next);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Under the hand of a reader nothing changes places.
function inPlace(next) {
  for (const row of next.querySelectorAll(".row-ticket")) {
    const here = document.getElementById(row.id);
    if (here) morph(here, row);
  }
  $("#total").textContent = next.querySelector("#total").textContent;
  clearTimeout(later);
  later = setTimeout(refreshList, SLOW);
}
let later = 0;
let stale = false;

function afterDraw() {
  for (const id of [...selected]) if (!rowOf(id)) selected.delete(id);
  rove();
  if (selected.size || $("#bulk")) drawSelection();
}

export function start() {
  afterDraw();
  document.addEventListener("desk:page", () => { depth = 0; clearSelection(); afterDraw(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) refreshList(); });
  on("change", ".row-ticket input", (event, box) => pick(box.closest(".row-ticket"), false));
  on("focusin", ".row-ticket", (event, row) => { current = idOf(row); rove(); });
  on("click", "#more", async (event, link) => {
    event.preventDefault();
    depth = rows().length + 50;
    const page = await refreshPart("list", { shown: depth });
    if (page) { morph($("#queue"), page.querySelector("#queue")); afterDraw(); }
  });
  const changed = () => { heard.push(performance.now()); refreshList(); };
  live.on("ticket_updated", changed);
  live.on("new_message", changed);
  live.on("file_uploaded", changed);
  live.on("resync", refreshList);
}
