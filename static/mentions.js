// Calling a colleague by @name while writing: who fits is offered, Enter or Tab takes one.

import { el } from "./dom.js";
import { callAll } from "./api.js";
import { best } from "./ranking.js";
import { t } from "./words.js";

/** @typedef {Item & { handle: string }} Colleague */

const MOST = 6;
const list = el("div", { id: "mentions", role: "listbox", "aria-label": t("Colleagues") });
/** @type {Colleague[] | null} */
let staff = null;
/** @type {Colleague[]} */
let offered = [];
/** Where the list is open. @type {HTMLTextAreaElement | null} */
let area = null;
let at = 0;

async function everybody() {
  if (staff) return;
  /** @type {HandleBody[]} */
  const found = await callAll("/api/users/handles");
  staff = found.map(({ name, handle }) => ({ label: name, handle, search: `${name} ${handle}` }));
}

/**
 * What is being typed right before the caret, from its @ on.
 * @param {HTMLTextAreaElement} field
 */
function begun(field) {
  const before = field.value.slice(0, field.selectionStart);
  return /(?:^|[^\w@/.+\-\\])@([\p{L}\p{N}.\-]{0,40})$/u.exec(before)?.[1];
}

/** @param {HTMLTextAreaElement} field */
export async function suggest(field) {
  if (begun(field) === undefined) { close(); return; }
  // Without the names one writes them out; the next letter asks again.
  await everybody().catch(() => {});
  const query = begun(field);
  if (query === undefined || !staff || document.activeElement !== field) { close(); return; }
  offered = best(query.replaceAll(".", " "), staff, MOST);
  if (offered.length) open(field); else close();
}

/** @param {HTMLTextAreaElement} field */
function open(field) {
  if (area !== field) close();
  area = field;
  at = 0;
  list.replaceChildren(...offered.map((person, n) => {
    const option = el("div", { class: "menu-item", role: "option", id: `mention-${n}`, "aria-selected": "false" }, el("span", { class: "cut" }, person.label), el("span", { class: "hint tiny muted" }, `@${person.handle}`));
    option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(field, person); });
    return option;
  }));
  if (!list.isConnected) field.after(list);
  field.setAttribute("aria-controls", "mentions");
  field.setAttribute("aria-autocomplete", "list");
  mark(field);
}

/** @param {HTMLTextAreaElement} field */
function mark(field) {
  [...list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
  field.setAttribute("aria-activedescendant", `mention-${at}`);
}

function close() {
  list.remove();
  for (const name of ["aria-controls", "aria-autocomplete", "aria-activedescendant"]) area?.removeAttribute(name);
  area = null;
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {Colleague} person
 */
function take(field, person) {
  const end = field.selectionStart, start = end - (begun(field)?.length ?? 0);
  close();
  field.setRangeText(`${person.handle} `, start, end, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

// Before the composer hears it: there Escape leaves the field.
document.addEventListener("keydown", (event) => {
  const field = area, { key } = event;
  if (!field || event.target !== field || event.isComposing) return;
  const step = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
  if (step) {
    at = (at + step + offered.length) % offered.length;
    mark(field);
  } else if (key === "Escape") close();
  else if ((key === "Enter" || key === "Tab") && !event.ctrlKey && !event.metaKey && !event.shiftKey) take(field, offered[at]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("focusout", ({ target }) => { if (area && target === area) close(); });
document.addEventListener("desk:leave", close);
