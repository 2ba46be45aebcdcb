// Calling a colleague by @name while writing: who fits is offered, Enter or Tab takes one.

import { el } from "./dom.js";
import { call } from "./api.js";
import { best } from "./picker.js";

const MOST = 6;
let staff = null, list = null, area = null, offered = [], at = 0;

async function everybody() {
  if (staff) return staff;
  const found = [];
  for (let cursor = ""; cursor !== null;) {
    const page = await call("GET", `/api/users/handles?limit=100${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  staff = found.map(({ name, handle }) => ({ label: name, handle, search: `${name} ${handle}` }));
  return staff;
}

// What is being typed right before the caret, from its @ on.
function begun(field) {
  const before = field.value.slice(0, field.selectionStart);
  return /(?:^|[^\w@/.+\-\\])@([\p{L}\p{N}.\-]{0,40})$/u.exec(before)?.[1];
}

export async function suggest(field) {
  if (begun(field) === undefined) { close(); return; }
  await everybody().catch(() => []);
  const query = begun(field);
  if (query === undefined || !staff || document.activeElement !== field) { close(); return; }
  offered = best(query.replaceAll(".", " "), staff, MOST);
  if (offered.length) open(field); else close();
}

function open(field) {
  if (area !== field) close();
  area = field;
  at = 0;
  list ??= el("div", { id: "mentions", role: "listbox", "aria-label": "Colleagues" });
  list.replaceChildren(...offered.map((person, n) => {
    const option = el("div", { class: "menu-item", role: "option", id: `mention-${n}`, "aria-selected": "false" }, el("span", { class: "cut" }, person.label), el("span", { class: "hint tiny muted" }, `@${person.handle}`));
    option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(person); });
    return option;
  }));
  if (!list.isConnected) area.after(list);
  area.setAttribute("aria-controls", "mentions");
  area.setAttribute("aria-autocomplete", "list");
  mark();
}

function mark() {
  [...list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
  area.setAttribute("aria-activedescendant", `mention-${at}`);
}

function close() {
  list?.remove();
  for (const name of ["aria-controls", "aria-autocomplete", "aria-activedescendant"]) area?.removeAttribute(name);
  area = null;
}

function take(person) {
  const field = area, end = field.selectionStart, start = end - begun(field).length;
  close();
  field.setRangeText(`${person.handle} `, start, end, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

// Before the composer hears it: there Escape leaves the field.
document.addEventListener("keydown", (event) => {
  if (!area || event.target !== area || event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) at = (at + step + offered.length) % offered.length;
  else if (event.key === "Escape") close();
  else if ((event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey && !event.shiftKey) take(offered[at]);
  else return;
  event.preventDefault();
  event.stopPropagation();
  if (step) mark();
}, true);
document.addEventListener("focusout", ({ target }) => { if (target === area) close(); });
document.addEventListener("desk:leave", close);
