// Messages on their way: shown at once, kept across reloads, sent once whatever the line does.

import { $, button, copyOf, el, kept, me, openTicket, the } from "./dom.js";
import { Problem, call } from "./api.js";
import { live } from "./live.js";
import { refreshTicket, toBottom } from "./ticket.js";
import { t } from "./words.js";

const KEY = `outbox:${me.id}`;
/** @type {OutboxItem[]} */
let items = kept.get(KEY) ?? [];
const going = new Set();

const save = () => (items.length ? kept.set(KEY, items) : kept.drop(KEY));

/** @param {OutboxItem} item */
const bubbleOf = (item) => $(`[data-bubble="${item.client_msg_id}"]`);

/** @param {Pick<OutboxItem, "ticket" | "body" | "internal" | "files">} message */
export function post(message) {
  /** @type {OutboxItem} */
  const item = { client_msg_id: crypto.randomUUID(), ...message, state: "sending" };
  items.push(item);
  draw(item);
  toBottom();
  save();
  deliver(item);
}

/** @param {OutboxItem} item */
function draw(item) {
  if (item.ticket !== openTicket()) return;
  let bubble = bubbleOf(item);
  if (!bubble) {
    if ($(`[data-client-id="${item.client_msg_id}"]`)) return;
    bubble = copyOf("#bubble");
    bubble.dataset.bubble = item.client_msg_id;
    the(".entry-body", bubble).textContent = item.body;
    the(".kind", bubble).hidden = !item.internal;
    bubble.classList.add(item.internal ? "is-note" : me.isStaff ? "by-staff" : "by-me");
    the("#log").append(bubble);
  }
  const words = { sending: t("Sending…"), waiting: t("Waiting for the line; it will be sent by itself"), failed: item.why ?? t("Not sent") };
  bubble.classList.remove("is-sending", "is-waiting", "is-failed");
  bubble.classList.add(`is-${item.state}`);
  const foot = the(".entry-foot", bubble);
  foot.replaceChildren(el("span", { class: "said" }, words[item.state]));
  if (item.state === "failed") foot.append(button(t("Retry"), () => deliver(item), { face: "retry" }), button(t("Discard"), () => discard(item), { face: "x" }));
}

/** @param {OutboxItem} item */
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
    const { status, code, message: why } = error instanceof Problem ? error : new Problem(0, null);
    item.why = status === 0 ? t("Not sent: the desk could not be reached.") : t("Not sent: {why}", { why });
    item.unreached = status === 0 || status >= 500 || code === "in_progress";
    set(item, item.unreached && (!live.online || !navigator.onLine) ? "waiting" : "failed");
  } finally {
    going.delete(item.client_msg_id);
  }
}

/**
 * @param {OutboxItem} item
 * @param {OutboxItem["state"]} state
 */
function set(item, state) {
  item.state = state;
  save();
  draw(item);
}

/** @param {OutboxItem} item */
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
  const show = () => items.forEach(draw);
  show();
  document.addEventListener("desk:page", show);
  live.on("up", again);
  // What cannot go out now is said to wait, not to be on its way.
  live.on("down", () => { for (const item of items) if (item.state === "failed" && item.unreached) set(item, "waiting"); });
}
