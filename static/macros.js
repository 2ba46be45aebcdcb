// A macro chosen in the composer: its text to edit, what it will also do, and Send does both.

import { $, button, el, me, openTicket, the } from "./dom.js";
import { call, callAll } from "./api.js";
import { openMenu } from "./picker.js";
import { complain, toast } from "./toasts.js";
import { field, write } from "./composer.js";
import { refreshTicket } from "./ticket.js";
import { refreshList } from "./list.js";
import * as uploads from "./uploads.js";
import { t } from "./words.js";

/** @typedef {{ id: number, label: string, ticket: number, version: number, area: HTMLTextAreaElement | null }} Macro */

/** @type {Macro | null} */
let chosen = null;

export async function choose() {
  const ticket = openTicket();
  if (!ticket) return;
  try {
    /** @type {MacroBody[]} */
    const macros = await callAll("/api/macros/");
    const items = macros.map((m) => ({ value: m.id, label: m.name, icon: m.is_internal ? "lock" : "reply", hint: m.is_shared ? "" : t("yours") }));
    const picked = await openMenu({ title: macros.length ? t("Which macro?") : t("There is no macro yet: see Settings"), items, at: $("#macros") });
    if (!picked) return;
    const [preview, { version }] = await Promise.all([previewOf(picked.value, ticket), read(ticket)]);
    if (ticket === openTicket()) show({ id: Number(picked.value), label: picked.label, ticket, version }, preview);
  } catch (error) { complain(error); }
}

/**
 * @param {string | number} id
 * @param {number} ticket
 * @returns {Promise<MacroPreview>}
 */
const previewOf = (id, ticket) => call("POST", `/api/macros/${id}/preview`, { ticket_id: ticket });

/**
 * @param {number} ticket
 * @returns {Promise<TicketBody>}
 */
const read = (ticket) => call("GET", `/api/tickets/${ticket}`);

/**
 * @param {Omit<Macro, "area">} macro
 * @param {MacroPreview} preview
 */
function show(macro, preview) {
  drop();
  const kind = preview.is_internal ? "note" : "reply";
  write(kind);
  const area = field(kind);
  if (area && preview.body) put(area, area.value.trim() ? `${area.value.trimEnd()}\n\n${preview.body}` : preview.body);
  const changes = Object.entries(preview.changes).map(([name, { to }]) => change(name, to)).join(" · ");
  const will = changes ? t("{macro}: will also set {changes}", { macro: macro.label, changes }) : t("{macro}: changes nothing else", { macro: macro.label });
  const words = [will, ...preview.refusals.map((r) => r.message)].join(" — ");
  const bar = el("div", { class: preview.refusals.length ? "notice bad" : "notice", id: "macro", role: "status", "data-hold": true },
    el("span", { class: "grow" }, words), button(t("Without the macro"), drop, { kind: "ghost small" }));
  the("#composer .composer-foot").before(bar);
  chosen = { ...macro, area };
}

/**
 * Write into a field as if by hand, so that drafts and others hear of it.
 * @param {HTMLTextAreaElement} area
 * @param {string} text
 */
function put(area, text) {
  area.value = text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * How a value reads where it can be chosen.
 * @param {string} selector
 * @param {unknown} value
 */
const labelled = (selector, value) => [...document.querySelectorAll(selector)].find((o) => o.getAttribute("value") === String(value))?.textContent ?? String(value);

/**
 * @param {string} name
 * @param {unknown} to
 */
function change(name, to) {
  switch (name) {
    case "status": return t("status {status}", { status: labelled("#status option, #filters [name=status] option", to) });
    case "priority": return t("priority {priority}", { priority: labelled("#priority option", to) });
    case "tags": return Array.isArray(to) && to.length ? t("tags {tags}", { tags: to.join(", ") }) : t("no tags");
    case "assigned_to": return to === null ? t("no assignee") : to === me.id ? t("you as assignee") : t("{name} as assignee", { name: labelled("#assignee option", to) });
    case "team_id": return to === null ? t("no team") : t("team {team}", { team: labelled("[name=team_id] option", to) });
    default: return name;
  }
}

function drop() {
  $("#macro")?.remove();
  chosen = null;
}

// Whoever sends with a macro chosen applies it, with the text as it stands now.
document.addEventListener("desk:send", async (event) => {
  const macro = chosen;
  if (!macro || macro.ticket !== openTicket() || !$("#macro")) return;
  event.preventDefault();
  chosen = null;
  const text = macro.area?.value ?? "", files = uploads.ready();
  const body = text.trim() || !files.length ? text : uploads.names();
  try {
    await call("POST", `/api/macros/${macro.id}/apply`, { ticket_id: macro.ticket, body, version: macro.version, file_ids: files.map((row) => row.id) });
    uploads.take(files);
    if (macro.area?.value === text) put(macro.area, "");
    drop();
    toast(macro.label);
  } catch (error) {
    chosen = macro;
    complain(error);
  }
  refreshTicket();
  refreshList();
});
document.addEventListener("desk:page", drop);
