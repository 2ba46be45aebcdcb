// Files on their way: dropped, pasted or chosen; judged before a byte is sent; a row each, three at a time.

import { $, el, on, openTicket, size, icon } from "./dom.js";
import { call, csrf } from "./api.js";
import { mode } from "./composer.js";
import { toast } from "./toasts.js";

const AT_ONCE = 3, TRIES = 4, REST = 2000;
let rows = [], limits = null;

// Rows outlive a visit to another ticket; what is asked about is the open one.
const here = () => rows.filter((r) => r.ticket === openTicket());
export const pending = () => here().filter((r) => r.state === "queued" || r.state === "going").length;
export const ready = () => here().filter((r) => r.state === "done");
export const failed = () => here().filter((r) => r.state === "failed").length;
export const names = () => ready().map((r) => r.file.name).join(", ");

// What the next message binds; its rows go.
export function take(bound = ready()) {
  for (const row of bound) row.box.remove();
  rows = rows.filter((r) => !bound.includes(r));
  return bound.map((r) => r.id);
}

const changed = () => document.dispatchEvent(new CustomEvent("desk:uploads"));

async function known() {
  limits ??= await call("GET", "/api/files/limits").catch(() => null);
  return limits;
}

export async function add(files) {
  const ticket = openTicket();
  if (!ticket || !files.length) return;
  const rules = await known();
  for (const file of files) {
    const row = { file, ticket, state: "queued", tries: 0, internal: mode() === "note" };
    draw(row);
    rows.push(row);
    const why = file.why ?? judge(file, rules);
    if (why) refuse(row, why, false);
  }
  changed();
  pump();
}

function judge(file, rules) {
  if (!rules) return null;
  const most = rules.max_files_per_message;
  if (here().filter((r) => r.state !== "refused").length > (most ?? Infinity)) return `A message takes at most ${most} files.`;
  const end = file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "";
  if (!end) return "A file needs an extension, so that we know what it is.";
  const kind = Object.values(rules.categories ?? {}).find((c) => c.types.some((t) => t.replace(/^\./, "") === end));
  if (!kind) return `Files of type .${end} are not accepted.`;
  if (file.size === 0) return "The file is empty.";
  const limit = Math.min(kind.max_size ?? Infinity, rules.max_size ?? Infinity);
  return file.size > limit ? `The file is ${size(file.size)}; ${size(limit)} is the most.` : null;
}

function draw(row) {
  const box = $("#upload-row").content.firstElementChild.cloneNode(true);
  row.box = box;
  $(".name", box).textContent = row.file.name;
  $(".name", box).title = row.file.name;
  $(".size", box).textContent = row.file.size === undefined ? "" : size(row.file.size);
  box.setAttribute("aria-label", row.file.name);
  if (row.file.type?.startsWith("image/") && row.file.size) {
    const image = el("img", { alt: "", width: 32, height: 32 });
    image.src = row.url = URL.createObjectURL(row.file);
    image.addEventListener("load", () => URL.revokeObjectURL(row.url), { once: true });
    $(".file-face", box).replaceChildren(image);
  }
  $("[data-row=cancel]", box).addEventListener("click", () => cancel(row));
  $("[data-row=retry]", box).addEventListener("click", () => { row.tries = 0; queue(row); });
  $("#uploads").append(box);
}

function queue(row) {
  clearTimeout(row.timer);
  row.resting = false;
  row.state = "queued";
  row.box.classList.remove("is-bad");
  $(".why", row.box).textContent = "";
  $("progress", row.box).hidden = false;
  $("[data-row=retry]", row.box).hidden = true;
  changed();
  pump();
}

function refuse(row, why, again) {
  row.state = again ? "failed" : "refused";
  row.box.classList.add("is-bad");
  $(".why", row.box).textContent = why;
  $("progress", row.box).hidden = true;
  $("[data-row=retry]", row.box).hidden = !again;
  changed();
}

function cancel(row) {
  const wasDone = row.state === "done";
  row.state = "cancelled";
  clearTimeout(row.timer);
  row.request?.abort();
  row.box.remove();
  rows = rows.filter((r) => r !== row);
  if (wasDone) call("DELETE", `/api/files/${row.id}`).catch(() => {});
  changed();
  pump();
}

function pump() {
  for (const row of rows) {
    if (rows.filter((r) => r.state === "going").length >= AT_ONCE) return;
    if (row.state === "queued" && !row.resting) upload(row);
  }
}

function upload(row) {
  row.state = "going";
  row.tries += 1;
  changed();
  const { endpoint, above } = limits?.resumable ?? {};
  if (row.file.size > above) import("./resumable.js").then((m) => m.send(row, endpoint, done, fell), () => form(row));
  else form(row);
}

function form(row) {
  const request = row.request = new XMLHttpRequest(), bar = $("progress", row.box), fields = new FormData();
  fields.append("ticket_id", row.ticket);
  if (row.internal) fields.append("is_internal", "true");
  fields.append("file", row.file, row.file.name);
  request.upload.onprogress = ({ loaded, total }) => { bar.value = total ? (loaded / total) * 100 : 0; };
  request.onload = () => landed(row, request);
  request.onerror = request.ontimeout = () => fell(row, "The connection was lost while the file was on its way.", true);
  request.open("POST", "/api/files/upload");
  request.setRequestHeader("X-CSRF-Token", csrf());
  request.setRequestHeader("Accept", "application/json");
  request.send(fields);
}

async function landed(row, request) {
  let answer = {};
  try { answer = JSON.parse(request.responseText); } catch { /* not ours */ }
  if (request.status === 201) { done(row, answer); return; }
  const { words } = await import("./refusals.js"), passes = request.status === 429 || (request.status >= 500 && request.status !== 507);
  fell(row, words(request.status, answer), passes, 1000 * request.getResponseHeader("Retry-After"));
}

function done(row, file) {
  row.state = "done";
  row.id = file.id;
  $("progress", row.box).value = 100;
  $(".size", row.box).textContent = `${size(file.size)} · ready`;
  changed();
  pump();
}

// The network and the server's own trouble get three more tries by themselves; then the row waits for a person.
function fell(row, why, mayPass, rest = REST) {
  if (row.state === "cancelled") return;
  refuse(row, why, true);
  if (mayPass && row.tries < TRIES) {
    row.state = "queued";
    row.resting = true;
    $(".why", row.box).textContent = `${why} Trying again…`;
    row.timer = setTimeout(() => queue(row), (rest || REST) * 2 ** (row.tries - 1) * (0.75 + Math.random() / 2));
    changed();
  }
  pump();
}

// Dropping and pasting --------------------------------------------------------------------------------

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

function overlay(shown) {
  const zone = $("#conversation"), there = $(".drop-here");
  if (!shown) { there?.remove(); return; }
  if (!zone || there) return;
  zone.append(el("div", { class: "drop-here", "data-hold": true }, icon("drop"), el("span", {}, `Drop to add to ${zone.dataset.reference}`), el("span", { class: "small" }, zone.dataset.title)));
}

async function dropped(event) {
  event.preventDefault();
  overlay(false);
  const zone = event.target.closest?.("#conversation");
  if (!zone) {
    if (openTicket()) toast("Drop files on the conversation to add them.");
    return;
  }
  const files = [];
  for (const item of event.dataTransfer.items ?? []) {
    if (item.kind !== "file") continue;
    const file = item.getAsFile();
    if (item.webkitGetAsEntry?.()?.isDirectory) files.push({ name: file?.name || "Folder", why: "Folders cannot be added; drop the files in it, or a ZIP." });
    else if (file) files.push(file);
  }
  await add(files.length ? files : [...event.dataTransfer.files]);
}

function pasted(event) {
  const images = [...(event.clipboardData?.items ?? [])].filter((i) => i.kind === "file").map((i) => i.getAsFile()).filter(Boolean);
  if (!images.length || !openTicket()) return;
  event.preventDefault();
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  add(images.map((f, n) => (f.name && f.name !== "image.png" ? f : new File([f], `pasted-${stamp}${n ? `-${n}` : ""}.${f.type.split("/")[1] || "png"}`, { type: f.type }))));
}

export function start() {
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const over = Boolean(event.target.closest?.("#conversation"));
    event.dataTransfer.dropEffect = over ? "copy" : "none";
    overlay(over);
  });
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event) && event.target.closest?.("#conversation")) overlay(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) overlay(false); });
  document.addEventListener("drop", (event) => { if (carriesFiles(event)) dropped(event); });
  document.addEventListener("paste", pasted);
  on("click", "[data-do=attach]", () => $("#attach").click());
  on("change", "#attach", (event, input) => { add([...input.files]); input.value = ""; });
  document.addEventListener("desk:page", () => {
    if (!openTicket()) return;
    known();
    $("#uploads").append(...here().map((r) => r.box));
    changed();
  });
  addEventListener("beforeunload", (event) => { if (rows.some((r) => r.state === "queued" || r.state === "going")) event.preventDefault(); });
  if (openTicket()) known();
}
