// The open ticket: what others do shows by itself, in order and once; and what was read counts as read.

import { $, $$, el, me, on, openTicket, paced } from "./dom.js";
import { call } from "./api.js";
import { morph } from "./morph.js";
import { live } from "./live.js";
import { refreshPart } from "./nav.js";
import { refreshList } from "./list.js";
import { refresh as refreshTimes } from "./times.js";

const NEAR = 90, READ_AFTER = 1000;
let readTimer = 0, told = -1;

const log = () => $("#log");
const scrolls = (box) => box && box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY !== "visible";

export const lastMessage = () => Math.max(0, ...$$("[data-message]", log() ?? undefined).map((m) => Number(m.dataset.message)));

function atBottom() {
  const box = log();
  if (!box) return false;
  if (scrolls(box)) return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  const end = box.getBoundingClientRect().bottom;
  return end < innerHeight + NEAR;
}

export function toBottom() {
  const box = log();
  if (!box) return;
  if (scrolls(box)) box.scrollTop = box.scrollHeight;
  else if (matchMedia("(max-width: 759px)").matches) scrollTo(0, document.documentElement.scrollHeight);
  $("#jump").hidden = true;
}

// Put a message where it belongs: over its own bubble, over an older drawing of itself, or by its number.
function place(message) {
  const made = document.importNode(message, true);
  const bubble = made.dataset.clientId && Number(made.dataset.author) === me.id ? $(`.entry[data-bubble="${CSS.escape(made.dataset.clientId)}"]`) : null;
  const old = document.getElementById(made.id);
  if (old) { morph(old, made); bubble?.remove(); return false; }
  if (bubble) { bubble.replaceWith(made); return false; }
  const id = Number(made.dataset.message);
  const after = $$("[data-message]", log()).find((m) => Number(m.dataset.message) > id) ?? $("[data-bubble]", log());
  if (after) after.before(made); else log().append(made);
  return Number(made.dataset.author) !== me.id;
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

function draw(page) {
  const stuck = atBottom(), hadFiles = Boolean($("#files [data-file]"));
  let news = 0;
  for (const message of page.querySelectorAll("#log > .entry")) if (place(message)) news += 1;
  for (const id of ["ticket-head", "properties"]) {
    const next = page.getElementById(id);
    if (next && document.getElementById(id)) morph(document.getElementById(id), next);
  }
  followFiles();
  if (!hadFiles && $("#files [data-file]")) $("#files-section").open = true;
  const writing = page.querySelector("#composer [data-mode-panel=reply]"), here = $("#composer [data-mode-panel=reply]");
  if (writing && here && Boolean($("textarea", writing)) !== Boolean($("textarea", here))) here.replaceWith(document.importNode(writing, true));
  refreshTimes($("#main"));
  if (stuck) toBottom();
  else if (news) $("#jump").hidden = false;
  watchReading();
  document.dispatchEvent(new CustomEvent("desk:ticket", { detail: { news } }));
  return page.querySelector("#log")?.dataset.more === "yes";
}

// In the conversation a file looks as in the list of files: its picture may have come, or it may be gone.
function followFiles() {
  for (const old of $("#files") ? $$("[data-file]", log()) : []) {
    const id = old.dataset.file, now = $(`#files [data-file="${id}"]`);
    if (now) morph($(".file-face", old), $(".file-face", now).cloneNode(true));
    else old.replaceWith($(`#files [data-gone="${id}"]`)?.cloneNode(true) ?? "");
  }
}

// Read is what stood at the bottom of a visible page for a second.
function watchReading() {
  clearTimeout(readTimer);
  const ticket = openTicket(), last = lastMessage();
  if (!ticket || document.hidden || !atBottom() || last <= Math.max(told, Number(log().dataset.read))) return;
  readTimer = setTimeout(async () => {
    if (document.hidden || openTicket() !== ticket || !atBottom()) return;
    told = last;
    try {
      await call("POST", `/tickets/${ticket}/read`, { message_id: last });
      if (log()) log().dataset.read = last;
      refreshList();
    } catch { told = -1; }
  }, READ_AFTER);
}

function opened() {
  told = -1;
  const box = log();
  if (!box) return;
  const divider = $("#unread-divider");
  if (divider) divider.scrollIntoView({ block: "center" }); else toBottom();
  $("#jump").hidden = true;
  box.addEventListener("scroll", () => { if (atBottom()) $("#jump").hidden = true; watchReading(); }, { passive: true });
  for (const image of $$("img", box)) image.loading = "eager";
  watchReading();
}

export function start() {
  opened();
  on("input", "#edit-section form", (event, form) => form.setAttribute("data-hold", ""));
  document.addEventListener("desk:page", opened);
  document.addEventListener("visibilitychange", watchReading);
  addEventListener("scroll", watchReading, { passive: true });
  on("click", "#jump", () => { toBottom(); watchReading(); });
  live.on("new_message", ({ message }) => { if (message?.ticket_id === openTicket()) refreshTicket(); });
  live.on("file_uploaded", ({ file }) => { if (file?.ticket_id === openTicket()) refreshTicket(); });
  live.on("escalation_step", (data) => { if (data.ticket_id === openTicket()) refreshTicket(); });
  live.on("ticket_updated", (data) => {
    if (data.ticket_id !== openTicket()) return;
    if (data.action === "access_revoked") location.assign("/"); else refreshTicket();
  });
  live.on("notification", ({ notification }) => {
    if (notification.ticket.id !== openTicket() || !log()) return;
    log().dataset.read = told = -1;
    watchReading();
  });
  live.on("resync", refreshTicket);
}
