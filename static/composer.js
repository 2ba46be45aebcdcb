// Writing: reply or note, drafts that are never lost, who else is writing, and what came in between.

import { $, el, kept, me, on, openTicket } from "./dom.js";
import { call } from "./api.js";
import { live } from "./live.js";
import { post } from "./outbox.js";
import { lastMessage, toBottom } from "./ticket.js";
import * as uploads from "./uploads.js";

const LOCAL = 1000, SERVER = 3000, STILL = 4000;
let localTimer = 0, serverTimer = 0, typingTimer = 0, typing = null, began = null, asked = null, sendWhenDone = false;
const others = new Map();

const form = () => $("#composer");
export const mode = () => form()?.dataset.mode ?? "reply";
const field = (kind = mode()) => document.getElementById(kind);
const draftKey = (kind, ticket = openTicket()) => `draft:${me.id}:${ticket}:${kind}`;

export function write(kind) {
  if (!form()) return;
  switchTo(kind);
  if (location.hash === "#properties") location.hash = "";
  field()?.focus();
}

function switchTo(kind) {
  if (kind === "note" && !me.isStaff) return;
  if (kind !== mode()) { keepNow(); stopTyping(); began = null; }
  form().dataset.mode = kind;
  for (const tab of form().querySelectorAll("[role=tab]")) {
    const is = tab.dataset.mode === kind;
    tab.setAttribute("aria-selected", String(is));
    tab.tabIndex = is ? 0 : -1;
  }
}

// Drafts --------------------------------------------------------------------------------------------

function restore() {
  for (const kind of ["reply", "note"]) {
    const area = field(kind), local = kept.get(draftKey(kind));
    if (!area) continue;
    if (local && (!area.value || local.at > Number(area.dataset.at || 0)) && local.body) area.value = local.body;
  }
  if (!field("reply")?.value && field("note")?.value) switchTo("note");
  if (!field("reply") && me.isStaff) switchTo("note");
}

function edited() {
  clearTimeout(localTimer);
  localTimer = setTimeout(keepHere, LOCAL);
  serverTimer ||= setTimeout(keepThere, SERVER);
  const area = field();
  began ??= area.value ? lastMessage() : null;
  if (!area.value) { began = null; stopTyping(); } else startTyping();
}

function keepHere() {
  clearTimeout(localTimer);
  localTimer = 0;
  const area = field();
  if (!area) return;
  if (area.value) kept.set(draftKey(mode()), { body: area.value, at: Date.now() }); else kept.drop(draftKey(mode()));
}

async function keepThere() {
  clearTimeout(serverTimer);
  serverTimer = 0;
  const area = field(), ticket = openTicket();
  if (!area || !ticket) return;
  try {
    await call("PUT", `/tickets/${ticket}/drafts`, { kind: mode(), body: area.value });
    if ($("#saved") && area.value) $("#saved").textContent = "Draft saved";
  } catch { /* kept here; the next change tries again */ }
}

function keepNow() {
  if (localTimer) keepHere();
  if (serverTimer) keepThere();
}

function forget(kind, ticket) {
  clearTimeout(localTimer);
  clearTimeout(serverTimer);
  localTimer = serverTimer = 0;
  kept.drop(draftKey(kind, ticket));
  call("PUT", `/tickets/${ticket}/drafts`, { kind, body: "" }).catch(() => {});
  if ($("#saved")) $("#saved").textContent = "";
}

// Typing --------------------------------------------------------------------------------------------

function startTyping() {
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, STILL + 1000);
  const now = Date.now();
  if (typing && typing.mode === mode() && now - typing.at < STILL) return;
  typing = { mode: mode(), at: now, ticket: openTicket() };
  live.online && tellTyping("typing_start", typing);
}

function stopTyping() {
  clearTimeout(typingTimer);
  if (typing && live.online) tellTyping("typing_stop", typing);
  typing = null;
}

function tellTyping(event, { ticket, mode: kind }) {
  live.send(event, { ticket_id: ticket, mode: kind }).catch(() => {});
}

function heardTyping({ ticket_id: ticket, user, typing: is, mode: kind }) {
  if (ticket !== openTicket() || user.id === me.id) return;
  const known = others.get(user.id);
  clearTimeout(known?.timer);
  if (is) others.set(user.id, { name: user.name, mode: kind ?? "reply", timer: setTimeout(() => { others.delete(user.id); drawTyping(); }, 8000) });
  else others.delete(user.id);
  drawTyping();
}

function drawTyping() {
  const bar = $("#collision");
  if (!bar || asked) return;
  const words = [...others.values()].map(({ name, mode: kind }) => `${name} is typing ${kind === "note" ? "a note" : "a reply"}`);
  const text = words.join(" · ");
  if (bar.textContent !== text) bar.textContent = text;
  bar.hidden = words.length === 0;
}

// Sending -------------------------------------------------------------------------------------------

export function send() {
  const area = field();
  if (!area) return;
  const busy = uploads.pending();
  if (busy) { sendWhenDone = true; drawSend(); return; }
  if (!document.dispatchEvent(new Event("desk:send", { cancelable: true }))) return;
  const body = area.value.trim() ? area.value : uploads.ready().length ? uploads.names() : "";
  if (!body.trim()) { area.focus(); return; }
  if (mode() === "reply" && me.isStaff && cameBetween() && !asked) { ask(); return; }
  const ticket = openTicket(), kind = mode(), files = uploads.take();
  area.value = "";
  asked = began = null;
  sendWhenDone = false;
  stopTyping();
  post({ ticket, body, internal: kind === "note", files });
  forget(kind, ticket);
  drawTyping();
  drawSend();
  area.focus();
}

function cameBetween() {
  if (began === null) return null;
  return [...document.querySelectorAll("#log [data-message]")]
    .find((m) => Number(m.dataset.message) > began && Number(m.dataset.author) !== me.id && !m.classList.contains("is-note"));
}

// Somebody answered meanwhile: show it first, then ask.
function ask() {
  const message = cameBetween();
  asked = message.id;
  const bar = $("#collision"), name = $("strong", message).textContent;
  const anyway = el("button", { class: "button small", type: "button" }, "Send anyway");
  anyway.addEventListener("click", send);
  bar.replaceChildren(el("span", { class: "grow" }, `${name} wrote while you were writing. Read it, then send or change your reply.`), anyway);
  bar.hidden = false;
  message.scrollIntoView({ block: "nearest" });
}

export function drawSend() {
  const button = $("#send");
  if (!button) return;
  const left = uploads.pending();
  const label = $("span", button);
  label.textContent = left ? `Send · ${left} file${left === 1 ? "" : "s"} left` : "Send";
  button.setAttribute("aria-disabled", String(Boolean(left && sendWhenDone)));
}

function uploaded() {
  drawSend();
  if (sendWhenDone && !uploads.pending()) { sendWhenDone = false; if (!uploads.failed()) send(); }
}

function arrived() {
  others.clear();
  asked = began = null;
  sendWhenDone = false;
  if (!form()) return;
  restore();
  drawTyping();
  drawSend();
}

export function start() {
  arrived();
  document.addEventListener("desk:page", arrived);
  document.addEventListener("desk:leave", () => { keepNow(); stopTyping(); });
  document.addEventListener("desk:uploads", uploaded);
  document.addEventListener("desk:text-back", ({ detail }) => {
    if (detail.ticket !== openTicket()) return;
    switchTo(detail.internal ? "note" : "reply");
    const area = field();
    if (area && !area.value) { area.value = detail.body; edited(); }
  });
  on("submit", "#composer", (event) => { event.preventDefault(); send(); });
  on("input", "#composer textarea", edited);
  on("keydown", "#composer textarea", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
    if (event.key === "Escape") event.target.blur();
  });
  on("click", "#composer [role=tab]", (event, tab) => write(tab.dataset.mode));
  on("keydown", "#composer [role=tab]", (event, tab) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    switchTo(tab.dataset.mode === "reply" ? "note" : "reply");
    $("#composer [role=tab][aria-selected=true]").focus();
  });
  addEventListener("pagehide", keepNow);
  document.addEventListener("visibilitychange", () => { if (document.hidden) keepNow(); });
  live.on("user_typing", heardTyping);
  live.on("new_message", ({ message }) => { if (others.delete(message?.author?.id)) drawTyping(); });
  live.on("up", () => { typing = null; });
  live.on("down", () => { others.clear(); drawTyping(); });
}
