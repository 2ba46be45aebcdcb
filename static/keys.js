// The keyboard: single keys, off while somebody types, and off altogether for who switched them off.

import { $, el, isTyping, me, on, openTicket } from "./dom.js";
import * as list from "./list.js";
import * as actions from "./actions.js";
import { write } from "./composer.js";

// Not needed for the first view, but there before anybody asks, and when the line is down.
let early = null; // what is typed while it is on its way
const palette = async () => {
  if (early !== null) return;
  early = "";
  try { const { open } = await import("./palette.js"); open(early); } finally { early = null; }
};
const follow = (id) => { const link = document.getElementById(id); if (link && !link.hidden) link.click(); };
const many = (action) => list.selection().length && list.bulkMenu($("#bulk"), action);

const KEYS = [
  ["j", "Next ticket in the list", () => list.move(1)],
  ["k", "Previous ticket in the list", () => list.move(-1)],
  ["J", "Select and go down", () => list.move(1, true)],
  ["K", "Select and go up", () => list.move(-1, true)],
  ["Enter", "Open the ticket", null],
  ["x", "Select the ticket", () => list.toggleCurrent(false)],
  ["X", "Select everything in between", () => list.toggleCurrent(true)],
  ["[", "Previous ticket", () => follow("prev")],
  ["]", "Next ticket", () => follow("next")],
  ["r", "Reply", () => write("reply")],
  ["n", "Internal note", () => write("note")],
  ["m", "Macros", () => follow("macros")],
  ["a", "Assign", () => many("assign") || actions.assignMenu()],
  ["i", "Assign to me", () => actions.toMe()],
  ["s", "Status", () => many("status") || actions.statusMenu()],
  ["p", "Priority", () => many("priority") || actions.priorityMenu()],
  ["e", "Resolve", () => actions.resolve()],
  ["z", "Put on hold", () => actions.hold()],
  ["c", "New ticket", () => location.assign("/tickets/new")],
  ["/", "Search", () => { $("#search").focus(); $("#search").select(); }],
  ["?", "These shortcuts", () => help()],
];
const STAFF = new Set(["x", "X", "J", "K", "n", "m", "a", "i", "p", "e", "z"]);
const ALWAYS = [["Ctrl K", "Command palette"], ["Ctrl Enter", "Send or confirm"], ["Esc", "Leave the field, close, deselect"]];
const known = new Map(KEYS.filter(([key]) => me.isStaff || !STAFF.has(key)).map(([key, , run]) => [key, run]));

export function help() {
  if ($("#help")) return;
  const row = ([key, what]) => el("div", {}, el("span", {}, what), el("span", {}, ...key.split(" ").flatMap((k) => [el("kbd", {}, k.length === 1 && k !== k.toLowerCase() ? `Shift ${k}` : k.toUpperCase().length === 1 ? k.toUpperCase() : k), " "])));
  const box = el("dialog", { class: "dialog", id: "help", "aria-label": "Keyboard shortcuts" },
    el("form", { class: "block", method: "dialog" }, el("h2", {}, "Keyboard shortcuts"),
      el("div", { class: "keys" }, ...[...KEYS.filter(([key]) => known.has(key)), ...ALWAYS].map(row)),
      el("p", { class: "tiny muted" }, "Single keys rest while you type; switch them off in ", el("a", { href: "/settings" }, "Settings"), "."),
      el("div", { class: "form-end" }, el("button", { class: "button primary" }, "Close"))));
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
}

function pressed(event) {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") { event.preventDefault(); palette(); return; }
  if (early !== null && event.key.length === 1) { event.preventDefault(); early += event.key; return; }
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]") || isTyping(event.target)) return;
  if (event.key === "Escape") { list.clearSelection(); return; }
  if (event.key === "Enter" && event.target.matches?.(".row-ticket")) { event.preventDefault(); list.openCurrent(); return; }
  if (event.key === " " && event.target.matches?.(".row-ticket")) { event.preventDefault(); list.toggleCurrent(event.shiftKey); return; }
  if (event.target.matches?.(".row-ticket") && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); list.move(event.key === "ArrowDown" ? 1 : -1, event.shiftKey); return; }
  if (document.body.dataset.keys !== "on") return;
  const run = known.get(event.shiftKey ? event.key : event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (!run) return;
  event.preventDefault();
  run();
}

export function start() {
  document.addEventListener("keydown", pressed);
  (window.requestIdleCallback ?? setTimeout)(() => import("./palette.js"));
  on("click", "[data-do=help]", () => { $("#me-menu")?.hidePopover?.(); help(); });
  on("keydown", "#search", (event, field) => { if (event.key === "Escape") field.blur(); });
  on("focusin", "[data-select]", (event, field) => field.select());
  if (openTicket() === null) $("#grid")?.setAttribute("aria-keyshortcuts", "J K X Enter");
}
