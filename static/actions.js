// What can be done to the open ticket, each with the desk's answer in words and a way back.

import { $, $$, me, on, openTicket } from "./dom.js";
import { call } from "./api.js";
import { refreshTicket } from "./ticket.js";
import { refreshList, currentRow } from "./list.js";
import { openMenu } from "./picker.js";
import { toast, complain, wayBack } from "./toasts.js";

const path = (id, what = "") => `/api/tickets/${id}${what && `/${what}`}`;
const label = (select, value) => [...(select?.options ?? [])].find((o) => o.value === String(value))?.textContent ?? String(value);

// The ticket that keys act on: the open one, or the one under the cursor.
export const target = () => openTicket() ?? (Number(currentRow()?.dataset.ticket) || null);

// One after the other, in the order in which they were asked for.
let line = Promise.resolve();

function inTurn(action) {
  line = line.then(action, action);
  return line;
}

async function change(run, text, back) {
  try {
    await run();
    toast(text, { undo: back && (() => change(back, "Undone")) });
  } catch (error) {
    complain(error);
  } finally {
    refreshTicket();
    refreshList();
  }
}

export const setStatus = (id, status, comment) => inTurn(async () => {
  try {
    const before = await call("GET", path(id));
    const put = (to, why) => call("PUT", path(id, "status"), { status: to, ...(why ? { comment: why } : {}) });
    if (status === "resolved" && !before.assigned_to && me.isStaff) {
      toast("Somebody has to be assigned before a ticket is resolved.", { bad: true, action: { label: "Take it and resolve", run: () => { assign(id, me.id); setStatus(id, status, comment); } } });
      refreshTicket();
      return;
    }
    const back = before.status !== "new" && before.status !== status ? async () => { for (const to of wayBack(status, before.status)) await put(to, "Undone"); } : undefined;
    await change(() => put(status, comment), `Status: ${label($("#status"), status)}`, back);
  } catch (error) { complain(error); refreshTicket(); }
});

export const setPriority = (id, priority) => inTurn(async () => {
  const before = await call("GET", path(id)).catch(complain);
  if (before) await change(() => call("PUT", path(id, "priority"), { priority }), `Priority: ${priority}`, () => call("PUT", path(id, "priority"), { priority: before.priority }));
});

export const assign = (id, to) => inTurn(async () => {
  const before = await call("GET", path(id)).catch(complain);
  if (!before) return;
  const put = (body) => call("PUT", path(id, "assign"), body);
  const who = to === "auto" ? "The desk chose" : to === null ? "Unassigned" : `Assigned to ${to === me.id ? "you" : label($("#assignee") ?? $("#filters [name=assigned_to]"), to)}`;
  await change(() => put(to === "auto" ? { auto: true } : { assigned_to: to }), who, () => put({ assigned_to: before.assigned_to?.id ?? null }));
});

// Menus -----------------------------------------------------------------------------------------------

const items = (select) => [...(select?.options ?? [])].map((o) => ({ value: o.value, label: o.textContent, asks: o.dataset.comment === "needed" }));

export async function statusMenu() {
  const id = target();
  if (!id) return;
  const ours = $("#status");
  const choices = ours ? items(ours).slice(1) : items($("#filters [name=status]")).filter((i) => i.value && i.value !== "new");
  const picked = await openMenu({ title: "Move the ticket to…", items: choices.map((i) => ({ ...i, icon: `status-${i.value}`, tint: `status-${i.value}` })), at: ours ?? currentRow(), ask: (i) => !ours && i.value === "on_hold" });
  if (!picked) return;
  if (picked.asks) { ours.value = picked.value; askWhy(ours.form); } else setStatus(id, picked.value, picked.comment);
}

export async function priorityMenu() {
  const id = target();
  if (!id || !me.isStaff) return;
  const choices = items($("#priority") ?? $("#filters [name=priority]")).filter((i) => i.value);
  const picked = await openMenu({ title: "How urgent is it?", items: choices.map((i) => ({ ...i, icon: `priority-${i.value}`, tint: `priority-${i.value}` })), at: $("#priority") ?? currentRow() });
  if (picked) setPriority(id, picked.value);
}

export const people = () => items($("#assignee") ?? $("#filters [name=assigned_to]")).filter((i) => /^\d+$/.test(i.value));

export async function assignMenu() {
  const id = target();
  if (!id || !me.isStaff) return;
  const choices = [...people(), { value: "", label: "Nobody" }, { value: "auto", label: "Let the desk choose" }];
  const picked = await openMenu({ title: "Who takes it?", items: choices.map((i) => ({ ...i, icon: i.value ? "user" : "nobody" })), at: $("#assignee") ?? currentRow() });
  if (picked) assign(id, picked.value === "auto" ? "auto" : picked.value === "" ? null : Number(picked.value));
}

export const toMe = () => target() && me.isStaff && assign(target(), me.id);
export const resolve = () => target() && me.isStaff && setStatus(target(), "resolved");

export function hold() {
  const id = target(), select = $("#status");
  if (!id || !me.isStaff) return;
  if (select && [...select.options].some((o) => o.value === "on_hold" && !o.selected)) {
    select.value = "on_hold";
    askWhy(select.form);
  } else if (!select) {
    openMenu({ title: "Put on hold", items: [{ value: "on_hold", label: "Put on hold", icon: "status-on_hold" }], at: currentRow(), ask: () => true })
      .then((picked) => picked && setStatus(id, "on_hold", picked.comment));
  }
}

// The forms of the properties -----------------------------------------------------------------------------

function askWhy(form) {
  if (!form.checkVisibility()) location.hash = "properties"; // in one column they are behind a tab
  form.setAttribute("data-hold", "");
  const box = $(".ask", form);
  box.dataset.open = "";
  $("textarea", box).focus();
  box.scrollIntoView({ block: "nearest" });
}

function shut(form) {
  if (form.contains(document.activeElement)) document.activeElement.blur();
  form.removeAttribute("data-hold");
  delete $(".js-hide", form).dataset.open;
  $("textarea", form).value = "";
}

function closeAsk(form) {
  shut(form);
  refreshTicket();
}

function changed(form) {
  const id = Number(form.closest("[data-ticket]").dataset.ticket), data = new FormData(form);
  const text = (name) => String(data.get(name) ?? "").trim();
  return {
    status() {
      const chosen = form.elements.status.selectedOptions[0];
      if (chosen.dataset.comment === "needed" && !text("comment")) { askWhy(form); return; }
      const why = text("comment");
      shut(form);
      setStatus(id, text("status"), why);
    },
    priority: () => setPriority(id, text("priority")),
    assign: () => assign(id, text("assigned_to") === "auto" ? "auto" : text("assigned_to") === "" ? null : Number(text("assigned_to"))),
    team: () => change(() => call("PATCH", path(id), { team_id: text("team_id") ? Number(text("team_id")) : null }), "Team changed"),
    tags: () => change(() => call("PATCH", path(id), { tags: text("tags").split(",").map((t) => t.trim()).filter(Boolean) }), "Tags changed"),
    escalate: () => escalate(id, form),
    acknowledge: () => change(() => call("POST", path(id, "acknowledge")), "Acknowledged"),
    watch: () => watch(id, text("watches") === "yes"),
  }[form.dataset.act]();
}

async function escalate(id, form) {
  const box = $(".js-hide", form), words = $("textarea", box);
  const reason = words.value.trim();
  if (!("open" in box.dataset)) { box.dataset.open = ""; form.setAttribute("data-hold", ""); words.focus(); return; }
  if (!words.reportValidity() || reason.length < 10) { words.focus(); return; }
  shut(form);
  await change(() => call("POST", path(id, "escalate"), { reason }), "Escalated");
}

const watch = (id, starts) => {
  const put = (on) => call(on ? "PUT" : "DELETE", path(id, "watch"));
  return change(() => put(starts), starts ? "You watch this ticket" : "You no longer watch it", () => put(!starts));
};

export function start() {
  on("change", "form[data-act] select", (event, field) => {
    if (field.value === "" && field.name === "status") return;
    changed(field.form);
  });
  on("change", "form[data-act=tags] input", (event, field) => changed(field.form));
  on("submit", "form[data-act]", (event, form) => { event.preventDefault(); changed(form); });
  on("click", "[data-do=close-ask]", (event, button) => closeAsk(button.form));
  on("submit", "[data-file-form]", (event, form) => {
    event.preventDefault();
    inTurn(() => change(() => call("DELETE", `/api/files/${form.dataset.fileForm}`), "The file is deleted"));
  });
  on("keydown", "form[data-act] textarea", (event, area) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); changed(area.form); }
    if (event.key === "Escape" && area.closest(".ask")) closeAsk(area.form);
  });
  on("click", "[data-busy] button:not([type=button])", (event, button) => {
    if (!button.form.checkValidity()) return;
    // A second press while the first is on its way would ask twice.
    button.form.addEventListener("submit", () => setTimeout(() => { for (const b of $$("button", button.form)) b.disabled = true; }), { once: true });
  });
}
