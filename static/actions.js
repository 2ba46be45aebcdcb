// What can be done to the open ticket, each with the desk's answer in words and a way back.

import { $, $$, confirms, hit, me, on, openTicket, the } from "./dom.js";
import { call } from "./api.js";
import { refreshTicket } from "./ticket.js";
import { refreshList, currentRow } from "./list.js";
import { openMenu } from "./picker.js";
import { toast, complain, stepsBack } from "./toasts.js";
import { t } from "./words.js";

/** @typedef {HTMLSelectElement | null} Select */

/** @param {number} id */
const path = (id, what = "") => `/api/tickets/${id}${what && `/${what}`}`;

/**
 * How a value reads in a list of choices.
 * @param {Select} select
 * @param {string | number} value
 */
const label = (select, value) => [...(select?.options ?? [])].find((o) => o.value === String(value))?.textContent ?? String(value);

const statuses = () => $("#status") ?? $("#filters [name=status]");
const priorities = () => $("#priority") ?? $("#filters [name=priority]");
const assignees = () => $("#assignee") ?? $("#filters [name=assigned_to]");

/** The ticket that keys act on: the open one, or the one under the cursor. */
export const target = () => openTicket() ?? (Number(currentRow()?.dataset.ticket) || null);

// One after the other, in the order in which they were asked for.
/** @type {Promise<unknown>} */
let line = Promise.resolve();

/** @param {() => Promise<unknown>} action */
function inTurn(action) {
  line = line.then(action).catch((error) => { complain(error); refreshTicket(); });
  return line;
}

/**
 * @param {() => Promise<unknown>} run
 * @param {string} text what to say when it is done
 * @param {() => Promise<unknown>} [back] the way back
 */
async function change(run, text, back) {
  try {
    await run();
    toast(text, { undo: back && (() => change(back, t("Undone"))) });
  } catch (error) {
    complain(error);
  } finally {
    refreshTicket();
    refreshList();
  }
}

/**
 * The ticket as it stands, for the way back.
 * @param {number} id
 * @returns {Promise<TicketBody>}
 */
const read = (id) => call("GET", path(id));

/**
 * @param {number} id
 * @param {string} status
 * @param {string} [comment]
 */
export const setStatus = (id, status, comment) => inTurn(async () => {
  const before = await read(id);
  const put = (/** @type {string} */ to, /** @type {string} */ why = "") => call("PUT", path(id, "status"), { status: to, ...(why ? { comment: why } : {}) });
  if (status === "resolved" && !before.assigned_to && me.isStaff) {
    const run = () => { assign(id, me.id); setStatus(id, status, comment); };
    toast(t("Somebody has to be assigned before a ticket is resolved."), { bad: true, action: { label: t("Take it and resolve"), run } });
    refreshTicket();
    return;
  }
  const back = async () => { for (const to of stepsBack(status, before.status)) await put(to, t("Undone")); };
  await change(() => put(status, comment), t("Status: {status}", { status: label(statuses(), status) }), before.status !== "new" && before.status !== status ? back : undefined);
});

/**
 * @param {number} id
 * @param {string} priority
 */
export const setPriority = (id, priority) => inTurn(async () => {
  const before = await read(id);
  const put = (/** @type {string} */ to) => call("PUT", path(id, "priority"), { priority: to });
  await change(() => put(priority), t("Priority: {priority}", { priority: label(priorities(), priority) }), () => put(before.priority));
});

/**
 * @param {number} id
 * @param {number | "auto" | null} to
 */
export const assign = (id, to) => inTurn(async () => {
  const before = await read(id);
  const put = (/** @type {number | null} */ who) => call("PUT", path(id, "assign"), { assigned_to: who });
  const said = to === "auto" ? t("The desk chose") : to === null ? t("Unassigned") : to === me.id ? t("Assigned to you") : t("Assigned to {name}", { name: label(assignees(), to) });
  await change(() => (to === "auto" ? call("PUT", path(id, "assign"), { auto: true }) : put(to)), said, () => put(before.assigned_to?.id ?? null));
});

/**
 * What a list of choices means.
 * @param {string | number} value
 */
const assignee = (value) => (value === "auto" ? "auto" : value === "" ? null : Number(value));

// Menus -----------------------------------------------------------------------------------------------

/** @param {Select} select */
const items = (select) => [...(select?.options ?? [])].map((o) => ({ value: o.value, label: o.textContent ?? "", asks: o.dataset.comment === "needed" }));

export async function statusMenu() {
  const id = target();
  if (!id) return;
  const ours = $("#status");
  const choices = ours ? items(ours).slice(1) : items(statuses()).filter((i) => i.value && i.value !== "new");
  const picked = await openMenu({ title: t("Move the ticket to…"), items: choices.map((i) => ({ ...i, icon: `status-${i.value}`, tint: `status-${i.value}` })), at: ours ?? currentRow(), ask: (i) => !ours && i.value === "on_hold" });
  if (!picked) return;
  const status = String(picked.value);
  if (picked.asks && ours) { ours.value = status; askWhy(ours.form); } else setStatus(id, status, picked.comment);
}

/** The priorities, as they read here. */
export const urgencies = () => items(priorities()).filter((i) => i.value);

export async function priorityMenu() {
  const id = target();
  if (!id || !me.isStaff) return;
  const picked = await openMenu({ title: t("How urgent is it?"), items: urgencies().map((i) => ({ ...i, icon: `priority-${i.value}`, tint: `priority-${i.value}` })), at: $("#priority") ?? currentRow() });
  if (picked) setPriority(id, String(picked.value));
}

/** Those who can be assigned. */
export const people = () => items(assignees()).filter((i) => /^\d+$/.test(i.value));

export async function assignMenu() {
  const id = target();
  if (!id || !me.isStaff) return;
  const choices = [...people(), { value: "", label: t("Nobody") }, { value: "auto", label: t("Let the desk choose") }];
  const picked = await openMenu({ title: t("Who takes it?"), items: choices.map((i) => ({ ...i, icon: i.value ? "user" : "nobody" })), at: $("#assignee") ?? currentRow() });
  if (picked) assign(id, assignee(picked.value));
}

export function toMe() {
  const id = target();
  if (id && me.isStaff) assign(id, me.id);
}

export function resolve() {
  const id = target();
  if (id && me.isStaff) setStatus(id, "resolved");
}

export async function hold() {
  const id = target(), select = $("#status");
  if (!id || !me.isStaff) return;
  if (select && [...select.options].some((o) => o.value === "on_hold" && !o.selected)) {
    select.value = "on_hold";
    askWhy(select.form);
  } else if (!select) {
    const title = t("Put on hold");
    const picked = await openMenu({ title, items: [{ value: "on_hold", label: title, icon: "status-on_hold" }], at: currentRow(), ask: () => true });
    if (picked) setStatus(id, "on_hold", picked.comment);
  }
}

// The forms of the properties -----------------------------------------------------------------------------

/** @param {HTMLFormElement | null} form */
function askWhy(form) {
  if (!form) return;
  if (!form.checkVisibility()) location.hash = "properties"; // in one column they are behind a tab
  form.setAttribute("data-hold", "");
  const box = the(".ask", form);
  box.dataset.open = "";
  the("textarea", box).focus();
  box.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLFormElement} form */
function shut(form) {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement && form.contains(activeElement)) activeElement.blur();
  form.removeAttribute("data-hold");
  delete the(".js-hide", form).dataset.open;
  the("textarea", form).value = "";
}

/** @param {HTMLFormElement | null} form */
function closeAsk(form) {
  if (form) shut(form);
  refreshTicket();
}

/** @param {HTMLFormElement} form */
function changed(form) {
  const id = Number(hit({ target: form }, "[data-ticket]")?.dataset.ticket), data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  switch (form.dataset.act) {
    case "status": return moved(id, form);
    case "priority": return setPriority(id, text("priority"));
    case "assign": return assign(id, assignee(text("assigned_to")));
    case "team": return change(() => call("PATCH", path(id), { team_id: text("team_id") ? Number(text("team_id")) : null }), t("Team changed"));
    case "tags": return change(() => call("PATCH", path(id), { tags: text("tags").split(",").map((tag) => tag.trim()).filter(Boolean) }), t("Tags changed"));
    case "escalate": return escalate(id, form);
    case "acknowledge": return change(() => call("POST", path(id, "acknowledge")), t("Acknowledged"));
    case "watch": return watch(id, text("watches") === "yes");
    default: return null;
  }
}

/**
 * @param {number} id
 * @param {HTMLFormElement} form
 */
function moved(id, form) {
  const select = the("#status", form), why = the("textarea", form).value.trim();
  if (select.selectedOptions[0]?.dataset.comment === "needed" && !why) { askWhy(form); return; }
  shut(form);
  setStatus(id, select.value, why);
}

/**
 * @param {number} id
 * @param {HTMLFormElement} form
 */
async function escalate(id, form) {
  const box = the(".js-hide", form), words = the("textarea", box);
  const reason = words.value.trim();
  if (!("open" in box.dataset)) { box.dataset.open = ""; form.setAttribute("data-hold", ""); words.focus(); return; }
  if (!words.reportValidity() || reason.length < 10) { words.focus(); return; }
  shut(form);
  await change(() => call("POST", path(id, "escalate"), { reason }), t("Escalated"));
}

/**
 * @param {number} id
 * @param {boolean} starts
 */
function watch(id, starts) {
  const put = (/** @type {boolean} */ on) => call(on ? "PUT" : "DELETE", path(id, "watch"));
  return change(() => put(starts), starts ? t("You watch this ticket") : t("You no longer watch it"), () => put(!starts));
}

export function start() {
  on("change", "form[data-act] select", (event, field) => {
    if (field.form && !(field.value === "" && field.name === "status")) changed(field.form);
  });
  on("change", "form[data-act=tags] input", (event, field) => { if (field.form) changed(field.form); });
  on("submit", "form[data-act]", (event, form) => { event.preventDefault(); changed(form); });
  on("click", "[data-do=close-ask]", (event, button) => closeAsk(button.form));
  on("submit", "[data-file-form]", (event, form) => {
    event.preventDefault();
    inTurn(() => change(() => call("DELETE", `/api/files/${form.dataset.fileForm}`), t("The file is deleted")));
  });
  on("keydown", "form[data-act] textarea", (event, area) => {
    if (confirms(event) && area.form) { event.preventDefault(); changed(area.form); }
    if (event.key === "Escape" && area.closest(".ask")) closeAsk(area.form);
  });
  on("click", "[data-busy] button:not([type=button])", (event, { form }) => {
    if (!form?.checkValidity()) return;
    // A second press while the first is on its way would ask twice.
    form.addEventListener("submit", () => setTimeout(() => { for (const b of $$("button", form)) b.disabled = true; }), { once: true });
  });
}
