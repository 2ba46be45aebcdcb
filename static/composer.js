// Writing: reply or note, drafts that are never lost, who else is writing, and what came in between.

import { $, $$, button, confirms, el, kept, me, on, openTicket, the } from "./dom.js";
import { call } from "./api.js";
import { live } from "./live.js";
import { post } from "./outbox.js";
import { lastMessage } from "./ticket.js";
import * as uploads from "./uploads.js";
import { t, tn } from "./words.js";

/** @typedef {{ name: string, mode: WritingMode, timer: number }} Writer */

const LOCAL = 1000, SERVER = 3000, STILL = 4000;
let localTimer = 0, serverTimer = 0, typingTimer = 0, sendWhenDone = false;
/** @type {{ mode: WritingMode, at: number, ticket: number } | null} */
let typing = null;
/** The last message that was there when the writing began. @type {number | null} */
let began = null;
/** The message about which we asked whether to send all the same. @type {string | null} */
let asked = null;
/** @type {Map<number, Writer>} */
const others = new Map();

const form = () => $("#composer");

/** @returns {WritingMode} */
export const mode = () => (form()?.dataset.mode === "note" ? "note" : "reply");

/** Where one writes; a closed ticket has no reply. @param {WritingMode} kind */
export const field = (kind = mode()) => $(`#${kind}`);

/** @param {WritingMode} kind */
const draftKey = (kind, ticket = openTicket()) => `draft:${me.id}:${ticket}:${kind}`;

/** @param {WritingMode} kind */
export function write(kind) {
  if (!form()) return;
  switchTo(kind);
  if (location.hash === "#properties") location.hash = "";
  field()?.focus();
}

/** @param {WritingMode} kind */
function switchTo(kind) {
  const box = form();
  if (!box || (kind === "note" && !me.isStaff)) return;
  if (kind !== mode()) { keepNow(); stopTyping(); began = null; }
  box.dataset.mode = kind;
  for (const tab of $$("[role=tab]", box)) {
    const is = tab.dataset.mode === kind;
    tab.setAttribute("aria-selected", String(is));
    tab.tabIndex = is ? 0 : -1;
  }
}

// Drafts --------------------------------------------------------------------------------------------

function restore() {
  for (const kind of /** @type {const} */ (["reply", "note"])) {
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
  const text = field()?.value;
  began ??= text ? lastMessage() : null;
  if (!text) { began = null; stopTyping(); } else startTyping();
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
    if (area.value && ticket === openTicket()) say(t("Draft saved"));
  } catch { /* kept here; the next change tries again */ }
}

/** @param {string} text */
function say(text) {
  const saved = $("#saved");
  if (saved) saved.textContent = text;
}

function keepNow() {
  if (localTimer) keepHere();
  if (serverTimer) keepThere();
}

/**
 * @param {WritingMode} kind
 * @param {number} ticket
 */
function forget(kind, ticket) {
  clearTimeout(localTimer);
  clearTimeout(serverTimer);
  localTimer = serverTimer = 0;
  kept.drop(draftKey(kind, ticket));
  // Without a line the draft is forgotten with the message: both are the same text.
  call("PUT", `/tickets/${ticket}/drafts`, { kind, body: "" }).catch(() => {});
  say("");
}

// Typing --------------------------------------------------------------------------------------------

function startTyping() {
  const ticket = openTicket(), now = Date.now();
  if (!ticket) return;
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, STILL + 1000);
  if (typing && typing.mode === mode() && now - typing.at < STILL) return;
  typing = { mode: mode(), at: now, ticket };
  tellTyping("typing_start", typing);
}

function stopTyping() {
  clearTimeout(typingTimer);
  if (typing) tellTyping("typing_stop", typing);
  typing = null;
}

/**
 * @param {string} event
 * @param {{ ticket: number, mode: WritingMode }} what
 */
function tellTyping(event, { ticket, mode: kind }) {
  // Nobody misses a word about typing that the line lost.
  if (live.online) live.send(event, { ticket_id: ticket, mode: kind }).catch(() => {});
}

/** @param {UserTyping} told */
function heardTyping({ ticket_id: ticket, user, typing: is, mode: kind }) {
  if (ticket !== openTicket() || user.id === me.id) return;
  clearTimeout(others.get(user.id)?.timer);
  if (is) others.set(user.id, { name: user.name, mode: kind ?? "reply", timer: setTimeout(() => { others.delete(user.id); drawTyping(); }, 8000) });
  else others.delete(user.id);
  drawTyping();
}

function drawTyping() {
  const bar = $("#collision");
  if (!bar || asked) return;
  const text = [...others.values()].map(({ name, mode: kind }) => (kind === "note" ? t("{name} is typing a note", { name }) : t("{name} is typing a reply", { name }))).join(" · ");
  if (bar.textContent !== text) bar.textContent = text;
  bar.hidden = !text;
}

// Sending -------------------------------------------------------------------------------------------

export function send() {
  const area = field(), ticket = openTicket(), kind = mode();
  if (!area || !ticket) return;
  if (uploads.pending()) { sendWhenDone = true; drawSend(); return; }
  if (!document.dispatchEvent(new Event("desk:send", { cancelable: true }))) return;
  const body = area.value.trim() ? area.value : uploads.names();
  if (!body.trim()) { area.focus(); return; }
  if (kind === "reply" && me.isStaff && !asked && ask()) return;
  const files = uploads.take();
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
  const since = began;
  if (since === null) return undefined;
  return $$("#log [data-message]").find((m) => Number(m.dataset.message) > since && Number(m.dataset.author) !== me.id && !m.classList.contains("is-note"));
}

// Somebody answered meanwhile: show it first, then ask.
function ask() {
  const message = cameBetween();
  if (!message) return false;
  asked = message.id;
  const bar = the("#collision"), name = the("strong", message).textContent ?? "";
  const words = t("{name} wrote while you were writing. Read it, then send or change your reply.", { name });
  bar.replaceChildren(el("span", { class: "grow" }, words), button(t("Send anyway"), send));
  bar.hidden = false;
  message.scrollIntoView({ block: "nearest" });
  return true;
}

function drawSend() {
  const pressed = $("#send");
  if (!pressed) return;
  const left = uploads.pending();
  the("span", pressed).textContent = left ? tn("Send · {n} file left", "Send · {n} files left", left) : t("Send");
  pressed.setAttribute("aria-disabled", String(Boolean(left && sendWhenDone)));
}

function uploaded() {
  drawSend();
  if (sendWhenDone && !uploads.pending()) { sendWhenDone = false; if (!uploads.failed()) send(); }
}

function hush() {
  for (const { timer } of others.values()) clearTimeout(timer);
  others.clear();
}

function arrived() {
  hush();
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
  on("keydown", "#composer textarea", (event, area) => {
    if (confirms(event)) { event.preventDefault(); send(); }
    if (event.key === "Escape") area.blur();
  });
  on("click", "#composer [role=tab]", (event, tab) => write(tab.dataset.mode === "note" ? "note" : "reply"));
  on("keydown", "#composer [role=tab]", (event, tab) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    switchTo(tab.dataset.mode === "reply" ? "note" : "reply");
    the("#composer [role=tab][aria-selected=true]").focus();
  });
  addEventListener("pagehide", keepNow);
  document.addEventListener("visibilitychange", () => { if (document.hidden) keepNow(); });
  live.on("user_typing", heardTyping);
  live.on("new_message", ({ message }) => { if (message && others.delete(message.author.id)) drawTyping(); });
  live.on("up", () => { typing = null; });
  live.on("down", () => { hush(); drawTyping(); });
}
