// The keyboard: single keys, off while somebody types, and off altogether for who switched them off.

import { $, isTyping, me, on, openTicket, the } from "./dom.js";
import * as list from "./list.js";
import * as actions from "./actions.js";
import { write } from "./composer.js";

/** @param {string} id */
const follow = (id) => { const link = document.getElementById(id); if (link && !link.hidden) link.click(); };

/**
 * What acts on the selected tickets, where there are some.
 * @param {"status" | "priority" | "assign"} action
 * @param {() => unknown} alone
 */
const many = (action, alone) => () => (list.selection().length ? list.bulkMenu($("#bulk"), action) : alone());

const KEYS = {
  j: () => list.move(1),
  k: () => list.move(-1),
  J: () => list.move(1, true),
  K: () => list.move(-1, true),
  x: () => list.toggleCurrent(false),
  X: () => list.toggleCurrent(true),
  "[": () => follow("prev"),
  "]": () => follow("next"),
  r: () => write("reply"),
  n: () => write("note"),
  m: () => follow("macros"),
  a: many("assign", actions.assignMenu),
  i: actions.toMe,
  s: many("status", actions.statusMenu),
  p: many("priority", actions.priorityMenu),
  e: actions.resolve,
  z: actions.hold,
  c: () => location.assign("/tickets/new"),
  "/": () => { the("#search").focus(); the("#search").select(); },
  "?": help,
};
/** @typedef {keyof typeof KEYS} Key */

const STAFF = "xXJKnmaipez";

/** The keys that this person has, and what they do. @type {Map<string, () => unknown>} */
export const known = new Map(Object.entries(KEYS).filter(([key]) => me.isStaff || !STAFF.includes(key)));

// Not needed for the first view, but there before anybody asks, and when the line is down.
async function palette() {
  if (early) return;
  early = { words: "", sent: false };
  try {
    const { open } = await import("./palette.js");
    open(early);
  } finally { early = null; }
}

/** What is typed while the palette is on its way. @type {Typed | null} */
let early = null;

/**
 * Whether a key was one for the palette that is on its way.
 * @param {string} key
 */
function isEarly(key) {
  if (!early || (key.length > 1 && key !== "Enter")) return false;
  if (key === "Enter") early.sent = true;
  else if (!early.sent) early.words += key;
  return true;
}

export async function help() { (await import("./help.js")).open(); }

/** What a key does on a row of the list. @type {Record<string, (event: KeyboardEvent) => void>} */
const ON_ROW = {
  Enter: () => list.openCurrent(),
  " ": (event) => list.toggleCurrent(event.shiftKey),
  ArrowDown: (event) => list.move(1, event.shiftKey),
  ArrowUp: (event) => list.move(-1, event.shiftKey),
};

/** @param {KeyboardEvent} event */
function pressed(event) {
  const { key } = event, on = event.target instanceof Element ? event.target : null;
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && key.toLowerCase() === "k") { event.preventDefault(); palette(); return; }
  if (isEarly(key)) { event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]") || isTyping(on)) return;
  if (key === "Escape") { list.clearSelection(); return; }
  let run = on?.matches(".row-ticket") ? ON_ROW[key] : undefined;
  if (document.body.dataset.keys === "on") run ??= known.get(event.shiftKey ? key : key.toLowerCase());
  if (!run) return;
  event.preventDefault();
  run(event);
}

export function start() {
  document.addEventListener("keydown", pressed);
  (window.requestIdleCallback ?? setTimeout)(() => { import("./palette.js"); import("./help.js"); });
  on("click", "[data-do=help]", () => { $("#me-menu")?.hidePopover?.(); help(); });
  on("keydown", "#search", (event, field) => { if (event.key === "Escape") field.blur(); });
  on("focusin", "[data-select]", (event, field) => field.select());
  if (openTicket() === null) $("#grid")?.setAttribute("aria-keyshortcuts", "J K X Enter");
}
