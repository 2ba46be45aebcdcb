// Look at a file without leaving the ticket: picture, text, table, archive or the first page of a PDF.

import { $, $$, el, icon, size } from "./dom.js";
import { call } from "./api.js";

let box = null, files = [], at = 0, shown = 0;

const idOf = (link) => link.closest("[data-file]").dataset.file;

export function open(link) {
  const room = link.closest("#files") ?? $("#log");
  files = $$("[data-file]", room).map((f) => ({ id: f.dataset.file, name: f.dataset.name, url: f.dataset.download }));
  at = Math.max(0, files.findIndex((f) => f.id === idOf(link)));
  const name = el("strong", { class: "cut grow" });
  const count = el("span", { class: "tiny nums" });
  const button = (label, face, run) => {
    const made = el("button", { class: "button square", type: "button", "aria-label": label, title: label }, icon(face));
    made.addEventListener("click", run);
    return made;
  };
  const save = el("a", { class: "button", download: true }, icon("download"), "Download");
  box = el("dialog", { class: "lightbox", "aria-label": "File" },
    el("header", {}, name, count, button("Previous file", "left", () => step(-1)), button("Next file", "right", () => step(1)), button("Zoom", "zoom", zoom), save, button("Close", "x", () => box.close())),
    el("div", { class: "stage", tabindex: "0", role: "region", "aria-label": "Preview" }));
  box.parts = { name, count, save };
  box.addEventListener("close", () => { box.remove(); box = null; link.focus({ preventScroll: true }); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
    if (event.key === "z" || event.key === "+") zoom();
  });
  $(".stage", box).addEventListener("click", (event) => { if (event.target.matches("img")) zoom(); else if (event.target === event.currentTarget) box.close(); });
  document.body.append(box);
  box.showModal();
  show();
}

function step(by) {
  if (files.length < 2) return;
  at = (at + by + files.length) % files.length;
  show();
}

const zoom = () => $(".stage", box).classList.toggle("zoomed");

async function show() {
  const file = files[at], mine = ++shown, stage = $(".stage", box);
  box.parts.name.textContent = file.name;
  box.parts.count.textContent = files.length > 1 ? `${at + 1} of ${files.length}` : "";
  box.parts.save.href = file.url;
  stage.classList.remove("zoomed");
  stage.replaceChildren(el("p", {}, "Loading…"));
  let preview;
  try { preview = await call("GET", `/api/files/${file.id}/preview`); } catch (error) { preview = { kind: "none", why: error.message }; }
  if (mine === shown && box) stage.replaceChildren(drawn(file, preview));
}

function drawn(file, preview) {
  switch (preview.kind) {
    case "image": return el("img", { alt: file.name, src: preview.image_url, width: preview.width, height: preview.height });
    case "pdf": return preview.image_url === null ? el("p", {}, `${preview.pages} pages; the first cannot be drawn.`) : el("img", { alt: `First of ${preview.pages} pages of ${file.name}`, src: preview.image_url });
    case "text": return el("pre", { tabindex: "0" }, preview.text + (preview.truncated ? "\n…" : ""));
    case "table": return table(preview.rows[0] ?? [], preview.rows.slice(1));
    case "archive": return table(["Name", "Size"], preview.entries.map((e) => [e.name, size(e.size)]));
    default: return el("p", {}, preview.why ?? "There is no preview of this file; download it to look at it.");
  }
}

function table(head, rows) {
  const line = (cells, tag) => el("tr", {}, ...cells.map((cell) => el(tag, {}, String(cell))));
  return el("div", { class: "sheet" }, el("table", {}, el("thead", {}, line(head, "th")), el("tbody", {}, ...rows.map((r) => line(r, "td")))));
}
