// Files on their way: dropped, pasted or chosen, each with a row that tells how it fares.

import { $, copyOf, el, hit, icon, on, openTicket, the } from "./dom.js";
import { call, headers, parsed } from "./api.js";
import { mode } from "./composer.js";
import { Queue, isOnItsWay, judge, passes, size } from "./queue.js";
import { complain, toast } from "./toasts.js";
import { t } from "./words.js";

/** @type {Queue<UploadRow>} */
const queue = new Queue(upload, (row) => { draw(row); changed(); });
/** @type {FileLimits | null} */
let limits = null;

const here = () => queue.of(openTicket());
export const pending = () => here().filter(isOnItsWay).length;
export const ready = () => here().filter((row) => row.state === "done");
export const failed = () => here().filter((row) => row.state === "failed").length;
export const names = () => ready().map((row) => row.file.name).join(", ");

/** What the next message binds; its rows go. */
export function take(bound = ready()) {
  for (const row of bound) row.box.remove();
  queue.remove(bound);
  return bound.map((row) => row.id);
}

const changed = () => document.dispatchEvent(new Event("desk:uploads"));

async function known() {
  // Without them the desk itself judges, after the bytes.
  limits ??= await call("GET", "/api/files/limits").catch(() => null);
  return limits;
}

/** @param {Chosen[]} files */
async function add(files) {
  const ticket = openTicket(), internal = mode() === "note";
  if (!ticket || !files.length) return;
  const rules = await known();
  for (const chosen of files) {
    const file = chosen instanceof File ? chosen : new File([], chosen.name);
    const others = queue.of(ticket).filter((row) => row.state !== "refused").length;
    const row = made({ file, ticket, internal, state: "queued", tries: 0, resting: false, why: "", id: "", size: file.size });
    queue.add(row, "why" in chosen ? chosen.why : judge(file, rules, others));
  }
}

/**
 * Give the upload its row on the page.
 * @param {Upload} upload
 * @returns {UploadRow}
 */
function made(upload) {
  const row = { ...upload, box: copyOf("#upload-row") }, { file, box } = row;
  const name = the(".name", box);
  name.textContent = name.title = file.name;
  box.setAttribute("aria-label", file.name);
  if (file.type.startsWith("image/") && file.size) {
    const image = el("img", { alt: "", width: 32, height: 32, src: URL.createObjectURL(file) });
    for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(image.src), { once: true });
    the(".file-face", box).replaceChildren(image);
  }
  the("[data-row=cancel]", box).addEventListener("click", () => cancel(row));
  the("[data-row=retry]", box).addEventListener("click", () => queue.retry(row));
  if (openTicket() === upload.ticket) the("#uploads").append(box);
  return row;
}

/** @param {UploadRow} row */
function draw({ box, state, why, resting, size: bytes }) {
  const isBad = resting || state === "failed" || state === "refused", bar = the("progress", box);
  box.classList.toggle("is-bad", isBad);
  the(".why", box).textContent = resting ? t("{why} Trying again…", { why }) : why;
  the(".size", box).textContent = state === "done" ? t("{size} · ready", { size: size(bytes) }) : bytes ? size(bytes) : "";
  if (state === "done") bar.value = 100;
  bar.hidden = isBad;
  the("[data-row=retry]", box).hidden = !isBad || state === "refused";
}

/** @param {UploadRow} row */
function cancel(row) {
  row.box.remove();
  if (queue.cancel(row)) call("DELETE", `/api/files/${row.id}`).catch(complain);
}

/** @param {UploadRow} row */
function upload(row) {
  const large = limits?.resumable;
  if (!large || row.file.size <= large.above) { form(row); return; }
  import("./resumable.js").then((m) => m.send(row, large.endpoint, (file) => queue.done(row, file), (why) => queue.fell(row, { why, passes: false })), () => form(row));
}

/** @param {UploadRow} row */
function form(row) {
  const request = row.request = new XMLHttpRequest(), bar = the("progress", row.box), fields = new FormData();
  fields.append("ticket_id", String(row.ticket));
  if (row.internal) fields.append("is_internal", "true");
  fields.append("file", row.file, row.file.name);
  request.upload.onprogress = ({ loaded, total }) => { bar.value = total ? (loaded / total) * 100 : 0; };
  request.onload = () => landed(row, request);
  request.onerror = request.ontimeout = () => queue.fell(row, { why: t("The connection was lost while the file was on its way."), passes: true });
  request.open("POST", "/api/files/upload");
  for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
  request.send(fields);
}

/**
 * @param {UploadRow} row
 * @param {XMLHttpRequest} request
 */
async function landed(row, request) {
  const answer = parsed(request.responseText) ?? {}, { status } = request;
  if (status === 201) { queue.done(row, answer); return; }
  const why = await import("./refusals.js").then(({ words }) => words(status, answer), () => t("The desk answered {status}.", { status }));
  queue.fell(row, { why, passes: passes(status), rest: 1000 * Number(request.getResponseHeader("Retry-After")) });
}

// Dropping and pasting --------------------------------------------------------------------------------

/** @param {DragEvent} event */
const carriesFiles = (event) => Boolean(event.dataTransfer?.types.includes("Files"));

/** @param {Event} event */
const isOver = (event) => Boolean(hit(event, "#conversation"));

/** @param {boolean} shown */
function overlay(shown) {
  const zone = $("#conversation"), there = $(".drop-here");
  if (!shown) { there?.remove(); return; }
  if (!zone || there) return;
  zone.append(el("div", { class: "drop-here", "data-hold": true }, icon("drop"), el("span", {}, t("Drop to add to {ticket}", { ticket: zone.dataset.reference ?? "" })), el("span", { class: "small" }, zone.dataset.title ?? "")));
}

/** @param {DragEvent} event */
async function dropped(event) {
  event.preventDefault();
  overlay(false);
  if (!isOver(event)) {
    if (openTicket()) toast(t("Drop files on the conversation to add them."));
    return;
  }
  /** @type {Chosen[]} */
  const files = [];
  for (const item of event.dataTransfer?.items ?? []) {
    if (item.kind !== "file") continue;
    const file = item.getAsFile();
    if (item.webkitGetAsEntry()?.isDirectory) files.push({ name: file?.name || t("Folder"), why: t("Folders cannot be added; drop the files in it, or a ZIP.") });
    else if (file) files.push(file);
  }
  await add(files.length ? files : [...event.dataTransfer?.files ?? []]);
}

/** @param {ClipboardEvent} event */
function pasted(event) {
  const files = [...(event.clipboardData?.items ?? [])].map((item) => item.getAsFile()).filter((file) => file !== null);
  if (!files.length || !openTicket()) return;
  event.preventDefault();
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  add(files.map((file, n) => (file.name && file.name !== "image.png" ? file : new File([file], `pasted-${stamp}${n ? `-${n}` : ""}.${file.type.split("/")[1] || "png"}`, { type: file.type }))));
}

export function start() {
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = isOver(event) ? "copy" : "none";
    overlay(isOver(event));
  });
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event) && isOver(event)) overlay(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) overlay(false); });
  document.addEventListener("drop", (event) => { if (carriesFiles(event)) dropped(event); });
  document.addEventListener("paste", pasted);
  on("click", "[data-do=attach]", () => the("#attach").click());
  on("change", "#attach", (event, input) => { add([...input.files ?? []]); input.value = ""; });
  document.addEventListener("desk:page", () => {
    if (!openTicket()) return;
    known();
    the("#uploads").append(...here().map((row) => row.box));
    changed();
  });
  addEventListener("beforeunload", (event) => { if (queue.isBusy) event.preventDefault(); });
  if (openTicket()) known();
}
