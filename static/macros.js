// A macro chosen in the composer: its text to edit, what it will also do, and Send does both.

import { $, el, me, openTicket } from "./dom.js";
import { call } from "./api.js";
import { openMenu } from "./picker.js";
import { complain, toast } from "./toasts.js";
import { write } from "./composer.js";
import { refreshTicket } from "./ticket.js";
import { refreshList } from "./list.js";
import * as uploads from "./uploads.js";

let chosen = null;

export async function choose() {
  const ticket = openTicket();
  if (!ticket) return;
  try {
    const macros = [];
    for (let cursor = ""; cursor !== null;) {
      const page = await call("GET", `/api/macros/?limit=100${cursor && `&cursor=${cursor}`}`);
      macros.push(...page.items);
      cursor = page.next_cursor;
    }
    const items = macros.map((m) => ({ value: m.id, label: m.name, icon: m.is_internal ? "lock" : "reply", hint: m.is_shared ? "" : "yours" }));
    const picked = await openMenu({ title: macros.length ? "Which macro?" : "There is no macro yet: see Settings", items, at: $("#macros") });
    if (!picked) return;
    const [preview, { version }] = await Promise.all([call("POST", `/api/macros/${picked.value}/preview`, { ticket_id: ticket }), call("GET", `/api/tickets/${ticket}`)]);
    if (ticket === openTicket()) show({ ticket, version, ...picked }, preview);
  } catch (error) { complain(error); }
}

function show(macro, preview) {
  drop();
  write(preview.is_internal ? "note" : "reply");
  const area = document.getElementById(preview.is_internal ? "note" : "reply");
  if (area && preview.body) {
    area.value = area.value.trim() ? `${area.value.trimEnd()}\n\n${preview.body}` : preview.body;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const cancel = el("button", { class: "button ghost small", type: "button" }, "Without the macro");
  cancel.addEventListener("click", drop);
  const words = [Object.entries(preview.changes).map(say).join(" · "), ...preview.refusals.map((r) => r.message)].filter(Boolean).join(" — ");
  const bar = el("div", { class: `notice${preview.refusals.length ? " bad" : ""}`, id: "macro", role: "status", "data-hold": true },
    el("span", { class: "grow" }, el("strong", {}, macro.label), words ? `: will also set ${words}` : ": changes nothing else"), cancel);
  $("#composer .composer-foot").before(bar);
  chosen = { ...macro, area };
}

const name = (select, value) => [...($(select)?.options ?? [])].find((o) => o.value === String(value))?.textContent ?? String(value ?? "nobody");
const say = ([field, { to }]) => ({
  status: () => `status ${to.replace("_", " ")}`, priority: () => `priority ${to}`, tags: () => `tags ${to.join(", ") || "none"}`,
  assigned_to: () => `assignee ${to === me.id ? "you" : to === null ? "nobody" : name("#assignee", to)}`, team_id: () => `team ${to === null ? "none" : name("[name=team_id]", to)}`,
}[field]?.() ?? field);

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
    await call("POST", `/api/macros/${macro.value}/apply`, { ticket_id: macro.ticket, body, version: macro.version, file_ids: files.map((f) => f.id) });
    uploads.take(files);
    if (macro.area && macro.area.value === text) {
      macro.area.value = "";
      macro.area.dispatchEvent(new Event("input", { bubbles: true }));
    }
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
