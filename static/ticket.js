// The open ticket: what others do shows by itself, in order and once; and what was read counts as read.

import { $, $$, me, on, openTicket, paced, the } from "./dom.js";
import { call } from "./api.js";
import { morph } from "./morph.js";
import { live } from "./live.js";
import { refreshPart } from "./nav.js";
import { refreshList } from "./list.js";
import { refresh as refreshTimes } from "./times.js";

const NEAR = 90, READ_AFTER = 1000;
let readTimer = 0;
/** The last message that we said was read. */
let told = -1;

const log = () => $("#log");
/** @param {HTMLElement} box */
const scrolls = (box) => box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY !== "visible";

/** The entries of the conversation, latest first: what is new stands at the end, however long it has become. */
function* fromTheEnd() {
  for (let entry = log()?.lastElementChild; entry; entry = entry.previousElementSibling) {
    if (entry instanceof HTMLElement) yield entry;
  }
}

export function lastMessage() {
  for (const { dataset } of fromTheEnd()) if (dataset.message) return Number(dataset.message);
  return 0;
}

function atBottom() {
  const box = log();
  if (!box) return false;
  if (scrolls(box)) return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  return box.getBoundingClientRect().bottom < innerHeight + NEAR;
}

/** @param {boolean} shown */
function offerJump(shown) {
  const jump = $("#jump");
  if (jump) jump.hidden = !shown;
}

export function toBottom() {
  const box = log();
  if (!box) return;
  if (scrolls(box)) box.scrollTop = box.scrollHeight;
  else if (matchMedia("(max-width: 759px)").matches) scrollTo(0, document.documentElement.scrollHeight);
  offerJump(false);
}

/**
 * Put a message where it belongs: over its own bubble, over an older drawing of itself, or by its number.
 * Returns whether it is news.
 * @param {HTMLElement} message
 */
function place(message) {
  const made = document.importNode(message, true);
  refreshTimes(made);
  const { clientId, author, message: id } = made.dataset, isMine = Number(author) === me.id;
  const bubble = clientId && isMine ? $(`.entry[data-bubble="${CSS.escape(clientId)}"]`) : null;
  const old = document.getElementById(made.id);
  if (old) { morph(old, made); bubble?.remove(); return false; }
  if (bubble) { bubble.replaceWith(made); return false; }
  insert(made, Number(id));
  return !isMine;
}

/**
 * Put a message behind those with a lower number and before all bubbles.
 * @param {HTMLElement} message
 * @param {number} id
 */
function insert(message, id) {
  let next = null;
  for (const entry of fromTheEnd()) {
    const { bubble, message: number } = entry.dataset;
    if (bubble === undefined && number === undefined) continue;
    if (bubble === undefined && Number(number) < id) break;
    next = entry;
  }
  if (next) next.before(message); else the("#log").append(message);
}

export const refreshTicket = paced(async () => {
  const ticket = openTicket();
  if (!ticket) return;
  let more = true;
  while (more && openTicket() === ticket) {
    const page = await refreshPart("ticket", { after: lastMessage() });
    if (!page || openTicket() !== ticket) return;
    more = draw(page);
  }
}, 150);

/**
 * Returns whether there is more to fetch.
 * @param {Document} page
 */
function draw(page) {
  const stuck = atBottom(), hadFiles = Boolean($("#files [data-file]"));
  const news = $$("#log > .entry", page).map(place).filter(Boolean).length;
  for (const id of ["#ticket-head", "#properties"]) {
    const here = $(id), next = $(id, page);
    if (here && next) { morph(here, next); refreshTimes(here); }
  }
  followFiles();
  if (!hadFiles && $("#files [data-file]")) $("#files-section")?.setAttribute("open", "");
  const writing = $("#composer [data-mode-panel=reply]", page), here = $("#composer [data-mode-panel=reply]");
  if (writing && here && Boolean($("textarea", writing)) !== Boolean($("textarea", here))) here.replaceWith(document.importNode(writing, true));
  if (stuck) toBottom();
  else if (news) offerJump(true);
  watchReading();
  return $("#log", page)?.dataset.more === "yes";
}

// In the conversation a file looks as in the list of files: its picture may have come, or it may be gone.
function followFiles() {
  for (const old of $("#files") ? $$("#log [data-file]") : []) {
    const id = old.dataset.file, now = $(`#files [data-file="${id}"]`);
    if (now) morph(the(".file-face", old), the(".file-face", now));
    else {
      const gone = $(`#files [data-gone="${id}"]`);
      old.replaceWith(gone ? copied(gone) : "");
    }
  }
}

/** The same without its name, which is one element's alone. @param {HTMLElement} element */
function copied(element) {
  const copy = document.importNode(element, true);
  copy.removeAttribute("id");
  return copy;
}

// Read is what stood at the bottom of a visible page for a second.
function watchReading() {
  clearTimeout(readTimer);
  const box = log(), ticket = openTicket(), last = lastMessage();
  if (!box || !ticket || document.hidden || !atBottom() || last <= Math.max(told, Number(box.dataset.read))) return;
  readTimer = setTimeout(async () => {
    if (document.hidden || openTicket() !== ticket || !atBottom()) return;
    told = last;
    try {
      await call("POST", `/tickets/${ticket}/read`, { message_id: last });
      if (box.isConnected) box.dataset.read = String(last);
      refreshList();
    } catch { told = -1; /* the next look says it again */ }
  }, READ_AFTER);
}

function opened() {
  told = -1;
  const box = log();
  if (!box) return;
  const divider = $("#unread-divider");
  if (divider) divider.scrollIntoView({ block: "center" }); else toBottom();
  offerJump(false);
  for (const image of $$("img", box)) image.loading = "eager";
  watchReading();
}

// Of the page and of the conversation alike: both may be what moves.
function scrolled() {
  if (!openTicket()) return;
  if (atBottom()) offerJump(false);
  watchReading();
}

/** @param {{ ticket_id?: number } | undefined} about */
const refreshIfOpen = (about) => { if (about?.ticket_id === openTicket()) refreshTicket(); };

export function start() {
  opened();
  on("input", "#edit-section form", (event, form) => form.setAttribute("data-hold", ""));
  document.addEventListener("desk:page", opened);
  document.addEventListener("visibilitychange", watchReading);
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
  on("click", "#jump", () => { toBottom(); watchReading(); });
  live.on("new_message", ({ message }) => refreshIfOpen(message));
  live.on("file_uploaded", ({ file }) => refreshIfOpen(file));
  live.on("escalation_step", refreshIfOpen);
  live.on("ticket_updated", (data) => {
    if (data.action === "access_revoked" && data.ticket_id === openTicket()) location.assign("/"); else refreshIfOpen(data);
  });
  live.on("notification", ({ notification }) => {
    const box = log();
    if (notification.ticket.id !== openTicket() || !box) return;
    told = -1;
    box.dataset.read = "-1";
    watchReading();
  });
  live.on("resync", refreshTicket);
}
