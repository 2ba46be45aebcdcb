// Ctrl+K: everything that can be done or gone to, found by a few letters, the latest first.

import { $, $$, el, kept, me, openTicket, the } from "./dom.js";
import { call } from "./api.js";
import { picker } from "./picker.js";
import { best, recentFirst } from "./ranking.js";
import { go } from "./nav.js";
import * as actions from "./actions.js";
import { help } from "./keys.js";
import { toggle as theme } from "./theme.js";
import { write } from "./composer.js";
import { t } from "./words.js";

/** @typedef {Item & { run: () => unknown }} Choice */

const KEY = `recent:${me.id}`, MOST = 12;
/** @type {HTMLDialogElement | null} */
let box = null;
/** Tickets that were looked for. @type {Choice[]} */
let found = [];
let asking = 0;
/** Who can be assigned, where the page does not say it. @type {Item[] | null} */
let staff = null;

/** @param {Typed} [typed] what was typed before there was a palette */
export function open({ words, sent } = { words: "", sent: false }) {
  if (box) { box.close(); return; }
  const items = recentFirst([...onTicket(), ...places(), ...tickets()], kept.get(KEY) ?? []);
  const parts = picker({
    label: t("Command palette"), placeholder: t("Do something, or go to a ticket, a view, a person…"), inputClass: "palette-input", listClass: "palette-list",
    source: (query) => [...direct(query), ...best(query, [...items, ...found])],
    choose: (item) => { remember(item); box?.close(); item.run?.(); },
  });
  const mine = box = el("dialog", { class: "dialog", id: "palette", "aria-label": t("Command palette") }, parts.input, parts.list);
  box.addEventListener("close", () => { mine.remove(); box = null; found = []; });
  box.addEventListener("click", (event) => { if (event.target === mine) mine.close(); });
  parts.input.addEventListener("input", () => look(parts));
  document.body.append(box);
  box.showModal();
  parts.input.value = words;
  parts.draw();
  parts.input.focus();
  if (sent) parts.choose();
  if (me.isStaff && !staff && !actions.people().length) askForStaff();
}

async function askForStaff() {
  try {
    /** @type {Paged<UserBody>} */
    const page = await call("GET", "/api/users/?limit=100");
    staff = page.items.filter((user) => user.role !== "customer" && user.is_active).map(({ id, name }) => ({ value: id, label: name }));
  } catch { /* the palette does without; it asks again when it is opened next */ }
}

/** @param {string} query */
function direct(query) {
  const number = /^#?(\d{1,12})$/.exec(query.trim())?.[1];
  return number ? [{ label: t("Go to ticket #{number}", { number }), icon: "right", run: () => go(`/tickets/${number}`) }] : [];
}

/** @returns {Choice[]} */
function onTicket() {
  const id = actions.target();
  if (!id) return [];
  const hint = `#${id}`, isOpen = openTicket() !== null;
  /** @type {Choice[]} */
  const all = [];
  if (isOpen) all.push({ label: t("Reply"), icon: "reply", hint: "R", run: () => write("reply") });
  all.push({ label: t("Set status"), icon: "status-open", hint: "S", run: actions.statusMenu });
  if (!me.isStaff) return all;
  if (isOpen) all.push({ label: t("Write an internal note"), icon: "lock", hint: "N", run: () => write("note") }, { label: t("Macros"), icon: "bulk", hint: "M", run: () => the("#macros").click() });
  const people = actions.people();
  all.push(
    { label: t("Assign to me"), icon: "user", hint: "I", run: actions.toMe },
    { label: t("Resolve"), icon: "status-resolved", hint: "E", run: actions.resolve },
    { label: t("Put on hold"), icon: "status-on_hold", hint: "Z", run: actions.hold },
    { label: t("Set priority"), icon: "priority-high", hint: "P", run: actions.priorityMenu },
    ...actions.urgencies().map(({ value, label }) => ({ label: t("Priority: {priority}", { priority: label }), icon: `priority-${value}`, hint, run: () => actions.setPriority(id, value) })),
    ...(people.length ? people : staff ?? []).map(({ value, label: name }) => ({ label: t("Assign to {name}", { name }), icon: "user", hint, run: () => actions.assign(id, Number(value)) })),
    { label: t("Let the desk choose an agent"), icon: "why", hint, run: () => actions.assign(id, "auto") });
  return all;
}

/** @returns {Choice[]} */
function places() {
  const all = $$("#rail a").map((a) => ({
    label: the("span", a).textContent ?? "", icon: a.querySelector("use")?.getAttribute("href")?.split("#")[1], hint: t("Go to"),
    run: () => (a.hasAttribute("data-soft") ? go(a.href) : location.assign(a.href)),
  }));
  return [...all,
    { label: t("New ticket"), icon: "plus", run: () => location.assign("/tickets/new") },
    { label: t("Search"), icon: "search", hint: "/", run: () => the("#search").focus() },
    { label: t("Settings"), icon: "sliders", run: () => location.assign("/settings") },
    { label: t("Light or dark"), icon: "moon", run: theme },
    { label: t("Keyboard shortcuts"), icon: "keyboard", hint: "?", run: help }];
}

/** @returns {Choice[]} */
function tickets() {
  return $$(".row-ticket").map((row) => {
    const link = the(".cell-title a", row);
    return { label: `#${row.dataset.ticket} ${link.textContent}`, icon: `status-${row.dataset.status}`, hint: t("Ticket"), run: () => go(link.href) };
  });
}

/**
 * What is not on this page is looked for while the letters come.
 * @param {Picker} parts
 */
function look(parts) {
  const query = parts.input.value.trim(), mine = ++asking;
  if (query.length < 3) return;
  setTimeout(async () => {
    if (mine !== asking || !box) return;
    try {
      /** @type {Paged<TicketBody>} */
      const page = await call("GET", `/api/tickets/?limit=8&q=${encodeURIComponent(query)}`);
      if (mine !== asking || !box) return;
      found = page.items.filter(({ id }) => !$(`#row-${id}`)).map(({ id, title, status }) => ({ label: `#${id} ${title}`, search: `${title} ${query}`, boost: -150, icon: `status-${status}`, hint: t("Ticket"), run: () => go(`/tickets/${id}`) }));
      if (found.length && $("[aria-selected=true]", parts.list) === parts.list.firstElementChild) parts.draw();
    } catch { /* the palette does without */ }
  }, 150);
}

/** @param {Item} item */
function remember(item) {
  /** @type {string[]} */
  const before = kept.get(KEY) ?? [];
  kept.set(KEY, [item.label, ...before.filter((label) => label !== item.label)].slice(0, MOST));
}
