// Look at a file without leaving the ticket: the desk draws it, this shows it and leads from one to the next.

import { $, $$, el, icon } from "./dom.js";
import { fetchPage } from "./api.js";

let box = null, files = [], at = 0, shown = 0;

const idOf = (link) => link.closest("[data-file]").dataset.file;

const styled = new Promise((ready) => {
  const sheet = el("link", { rel: "stylesheet", href: import.meta.resolve("./css/previews.css") });
  sheet.addEventListener("load", ready);
  sheet.addEventListener("error", ready);
  document.head.append(sheet);
});

export async function open(link) {
  await styled;
  if (box) return;
  const room = link.closest("#files") ?? $("#log");
  files = $$("[data-file]", room).map((f) => ({ id: f.dataset.file, name: f.dataset.name, url: f.dataset.download }));
  at = Math.max(0, files.findIndex((f) => f.id === idOf(link)));
  const name = el("strong", { class: "cut grow" });
  const count = el("span", { class: "tiny nums", role: "status" });
  const button = (label, face, run) => {
    const made = el("button", { class: "button square", type: "button", "aria-label": label, title: label }, icon(face));
    made.addEventListener("click", run);
    return made;
  };
  const save = el("a", { class: "button", download: true, "aria-label": "Download" }, icon("download"), el("span", { class: "label" }, "Download"));
  box = el("dialog", { class: "lightbox", "aria-label": "File" },
    el("header", {}, name, count, button("Previous file", "left", () => step(-1)), button("Next file", "right", () => step(1)), button("Zoom", "zoom", zoom), save, button("Close", "x", () => box.close())),
    el("div", { class: "stage", tabindex: "-1", autofocus: true }));
  box.parts = { name, count, save };
  box.addEventListener("close", () => { box.remove(); box = null; link.focus({ preventScroll: true }); });
  box.addEventListener("keydown", pressed);
  $(".stage", box).addEventListener("click", (event) => {
    if (event.target.matches("img")) zoom();
    else if (event.target.matches(".stage, .preview")) box.close();
  });
  document.body.append(box);
  box.showModal();
  show();
}

function pressed(event) {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
  if (event.key === "z" || event.key === "+") zoom();
  if (event.key === "d") box.parts.save.click();
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
  if (stage.contains(document.activeElement)) stage.focus({ preventScroll: true });
  stage.replaceChildren(el("p", {}, "Loading…"));
  const page = await fetchPage(`/files/${file.id}/view?part=preview`).catch(() => null);
  if (mine !== shown || !box) return;
  const preview = page && $("#preview", page);
  const resting = stage.contains(document.activeElement);
  stage.replaceChildren(preview ?? el("p", {}, "This file cannot be shown at present."));
  // So that the keys that scroll do so at once; whoever stands on a button of the head stays there.
  if (resting) ($(".preview-paper", stage) ?? stage).focus({ preventScroll: true });
}
