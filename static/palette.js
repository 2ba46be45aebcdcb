// Ctrl+K: everything that can be done or gone to, found by a few letters, the latest first.

import { $, $$, el, kept, me, openTicket } from "./dom.js";
import { call } from "./api.js";
import { best, picker } from "./picker.js";
import { go } from "./nav.js";
import * as actions from "./actions.js";
import { help } from "./keys.js";
import { toggle as theme } from "./theme.js";
import { write } from "./composer.js";

const KEY = `recent:${me.id}`, MOST = 12;
let box = null, found = [], asking = 0, staff = null;

export function open(query = "") {
  if (box) { box.close(); return; }
  const items = everything();
  const parts = picker({
    label: "Command palette", placeholder: "Do something, or go to a ticket, a view, a person…", inputClass: "palette-input", listClass: "palette-list",
    source: (query) => [...direct(query), ...best(query, [...items, ...found])],
    choose: (item) => { remember(item); box.close(); item.run(); },
  });
  box = el("dialog", { class: "dialog", id: "palette", "aria-label": "Command palette" }, parts.input, parts.list);
  box.addEventListener("close", () => { box.remove(); box = null; found = []; });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  parts.input.addEventListener("input", () => look(parts));
  document.body.append(box);
  box.showModal();
  parts.input.value = query;
  parts.draw();
  parts.input.focus();
  if (me.isStaff && !staff && !actions.people().length) {
    call("GET", "/api/users/?limit=100").then((page) => { staff = page.items.filter((u) => u.role !== "customer" && u.is_active).map((u) => ({ value: u.id, label: u.name })); }).catch(() => {});
  }
}

function direct(query) {
  const number = /^#?(\d{1,12})$/.exec(query.trim());
  return number ? [{ label: `Go to ticket #${number[1]}`, icon: "right", run: () => go(`/tickets/${number[1]}`) }] : [];
}

function everything() {
  const recent = kept.get(KEY) ?? [];
  const items = [...onTicket(), ...places(), ...tickets()];
  for (const item of items) {
    const place = recent.indexOf(item.label);
    item.boost = place < 0 ? 0 : MOST - place;
  }
  return items.sort((a, b) => b.boost - a.boost);
}

function onTicket() {
  const id = actions.target();
  if (!id) return [];
  const here = `#${id}`;
  const all = [];
  if (openTicket()) all.push({ label: "Reply", icon: "reply", hint: "R", run: () => write("reply") });
  all.push({ label: "Set status", icon: "status-open", hint: "S", run: actions.statusMenu });
  if (!me.isStaff) return all;
  if (openTicket()) all.push({ label: "Write an internal note", icon: "lock", hint: "N", run: () => write("note") }, { label: "Macros", icon: "bulk", hint: "M", run: () => $("#macros").click() });
  all.push(
    { label: "Assign to me", icon: "user", hint: "I", run: actions.toMe },
    { label: "Resolve", icon: "status-resolved", hint: "E", run: actions.resolve },
    { label: "Put on hold", icon: "status-on_hold", hint: "Z", run: actions.hold },
    { label: "Set priority", icon: "priority-high", hint: "P", run: actions.priorityMenu },
    ...["low", "medium", "high", "critical"].map((p) => ({ label: `Priority ${p}`, icon: `priority-${p}`, hint: here, run: () => actions.setPriority(id, p) })),
    ...(actions.people().length ? actions.people() : staff ?? []).map((p) => ({ label: `Assign to ${p.label}`, icon: "user", hint: here, run: () => actions.assign(id, Number(p.value)) })),
    { label: "Let the desk choose an agent", icon: "why", hint: here, run: () => actions.assign(id, "auto") });
  return all;
}

function places() {
  const all = $$("#rail a").map((a) => ({ label: $("span", a).textContent, icon: a.querySelector("use")?.getAttribute("href").split("#")[1], hint: "Go to", run: () => (a.hasAttribute("data-soft") ? go(a.href) : location.assign(a.href)) }));
  return [...all,
    { label: "New ticket", icon: "plus", run: () => location.assign("/tickets/new") },
    { label: "Search", icon: "search", hint: "/", run: () => $("#search").focus() },
    { label: "Settings", icon: "sliders", run: () => location.assign("/settings") },
    { label: "Light or dark", icon: "moon", run: theme },
    { label: "Keyboard shortcuts", icon: "keyboard", hint: "?", run: help }];
}

function tickets() {
  return $$(".row-ticket").map((row) => ({ label: `#${row.dataset.ticket} ${$(".cell-title a", row).textContent}`, icon: `status-${row.dataset.status}`, hint: "Ticket", run: () => go($(".cell-title a", row).href) }));
}

// What is not on this page is looked for while the letters come.
function look(parts) {
  const query = parts.input.value.trim(), mine = ++asking;
  if (query.length < 3) return;
  setTimeout(async () => {
    if (mine !== asking || !box) return;
    try {
      const page = await call("GET", `/api/tickets/?limit=8&q=${encodeURIComponent(query)}`);
      if (mine !== asking || !box) return;
      found = page.items.filter((t) => !$(`#row-${t.id}`)).map((t) => ({ label: `#${t.id} ${t.title}`, search: `${t.title} ${query}`, boost: -150, icon: `status-${t.status}`, hint: "Ticket", run: () => go(`/tickets/${t.id}`) }));
      if (found.length && $("[aria-selected=true]", parts.list) === parts.list.firstElementChild) parts.draw();
    } catch { /* the palette does without */ }
  }, 150);
}

function remember(item) {
  kept.set(KEY, [item.label, ...(kept.get(KEY) ?? []).filter((label) => label !== item.label)].slice(0, MOST));
}
