// Messages on their way: shown at once, kept across reloads, sent once whatever the line does.

import { $, el, icon, kept, me, openTicket } from "./dom.js";
import { call } from "./api.js";
import { live } from "./live.js";
import { refreshTicket, toBottom } from "./ticket.js";

const KEY = `outbox:${me.id}`;
let items = kept.get(KEY) ?? [];
const going = new Set();

const save = () => (items.length ? kept.set(KEY, items) : kept.drop(KEY));
const bubbleOf = (item) => $(`[data-bubble="${item.client_msg_id}"]`);

export function post({ ticket, body, internal, files }) {
  const item = { client_msg_id: crypto.randomUUID(), ticket, body, internal, files, state: "sending" };
  items.push(item);
  draw(item);
  toBottom();
  save();
  deliver(item);
}

function draw(item) {
  if (item.ticket !== openTicket()) return;
  let bubble = bubbleOf(item);
  if (!bubble) {
    if ($(`[data-client-id="${item.client_msg_id}"]`)) return;
    bubble = $("#bubble").content.firstElementChild.cloneNode(true);
    bubble.dataset.bubble = item.client_msg_id;
    $(".entry-body", bubble).textContent = item.body;
    $(".kind", bubble).hidden = !item.internal;
    bubble.classList.add(item.internal ? "is-note" : me.isStaff ? "by-staff" : "by-me");
    $("#log").append(bubble);
  }
  const words = { sending: "Sending…", waiting: "Waiting for the line; it will be sent by itself", failed: item.why ?? "Not sent" };
  bubble.classList.remove("is-sending", "is-waiting", "is-failed");
  bubble.classList.add(`is-${item.state}`);
  const foot = $(".entry-foot", bubble);
  foot.replaceChildren(el("span", { class: "said" }, words[item.state]));
  if (item.state === "failed") foot.append(button("Retry", "retry", () => retry(item)), button("Discard", "x", () => discard(item)));
}

function button(label, face, run) {
  const made = el("button", { class: "button small", type: "button" }, icon(face), label);
  made.addEventListener("click", run);
  return made;
}

async function deliver(item) {
  if (going.has(item.client_msg_id)) return;
  going.add(item.client_msg_id);
  set(item, "sending");
  try {
    await call("POST", `/api/tickets/${item.ticket}/messages`,
      { body: item.body, is_internal: item.internal, ...(item.files?.length ? { file_ids: item.files } : {}) }, { key: item.client_msg_id });
    items = items.filter((other) => other !== item);
    save();
    if (item.ticket === openTicket()) refreshTicket();
  } catch (error) {
    item.why = error.status === 0 ? "Not sent: the desk could not be reached." : `Not sent: ${error.message}`;
    item.unreached = error.status === 0 || error.status >= 500 || error.code === "in_progress";
    set(item, item.unreached && (!live.online || !navigator.onLine) ? "waiting" : "failed");
  } finally {
    going.delete(item.client_msg_id);
  }
}

function set(item, state) {
  item.state = state;
  save();
  draw(item);
}

const retry = (item) => deliver(item);

function discard(item) {
  items = items.filter((other) => other !== item);
  save();
  bubbleOf(item)?.remove();
  document.dispatchEvent(new CustomEvent("desk:text-back", { detail: item }));
}

function again() {
  for (const item of items) if (item.state !== "failed" || item.unreached) deliver(item);
}

export function start() {
  const show = () => { for (const item of items) draw(item); };
  show();
  document.addEventListener("desk:page", show);
  live.on("up", again);
  // What cannot go out now is said to wait, not to be on its way.
  live.on("down", () => { for (const item of items) if (item.state === "failed" && item.unreached) set(item, "waiting"); });
}
