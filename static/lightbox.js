// Look at a file without leaving the ticket: the desk draws it, this shows it and leads from one to the next.

import { $, $$, el, hit, icon, the } from "./dom.js";
import { fetchPage } from "./api.js";
import { t } from "./words.js";

/** @typedef {{ id: string, name: string, url: string }} Shown */

/** What is open. @type {{ box: HTMLDialogElement, stage: HTMLElement, name: HTMLElement, count: HTMLElement, save: HTMLAnchorElement } | null} */
let view = null;
/** @type {Shown[]} */
let files = [];
let at = 0, shown = 0;

/** @param {HTMLElement} f */
const shownOf = ({ dataset: { file, name, download } }) => ({ id: file ?? "", name: name ?? "", url: download ?? "" });

const styled = new Promise((ready) => {
  const sheet = el("link", { rel: "stylesheet", href: import.meta.resolve("./css/previews.css") });
  sheet.addEventListener("load", ready);
  sheet.addEventListener("error", ready);
  document.head.append(sheet);
});

/**
 * @param {string} label
 * @param {string} face
 * @param {() => unknown} run
 */
function button(label, face, run) {
  const made = el("button", { class: "button square", type: "button", "aria-label": label, title: label }, icon(face));
  made.addEventListener("click", run);
  return made;
}

/** @param {HTMLElement} link */
export async function open(link) {
  await styled;
  const id = hit({ target: link }, "[data-file]")?.dataset.file;
  if (view || !id) return;
  files = $$("[data-file]", hit({ target: link }, "#files") ?? the("#log")).map(shownOf);
  at = Math.max(0, files.findIndex((file) => file.id === id));
  const name = el("strong", { class: "cut grow" });
  const count = el("span", { class: "tiny nums", role: "status" });
  const save = el("a", { class: "button", download: true, "aria-label": t("Download") }, icon("download"), el("span", { class: "label" }, t("Download")));
  const stage = el("div", { class: "stage", tabindex: "-1", autofocus: true });
  /** @type {HTMLDialogElement} */
  const box = el("dialog", { class: "lightbox", "aria-label": t("File") },
    el("header", {}, name, count, button(t("Previous file"), "left", () => step(-1)), button(t("Next file"), "right", () => step(1)), button(t("Zoom"), "zoom", zoom), save, button(t("Close"), "x", () => box.close())),
    stage);
  view = { box, stage, name, count, save };
  box.addEventListener("close", () => { box.remove(); view = null; link.focus({ preventScroll: true }); });
  box.addEventListener("keydown", pressed);
  stage.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    if (target.matches("img")) zoom();
    else if (target.matches(".stage, .preview")) box.close();
  });
  document.body.append(box);
  box.showModal();
  show();
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
  if (event.key === "z" || event.key === "+") zoom();
  if (event.key === "d") view?.save.click();
}

/** @param {number} by */
function step(by) {
  if (files.length < 2) return;
  at = (at + by + files.length) % files.length;
  show();
}

const zoom = () => view?.stage.classList.toggle("zoomed");

async function show() {
  if (!view) return;
  const file = files[at], mine = ++shown, { stage } = view;
  view.name.textContent = file.name;
  view.count.textContent = files.length > 1 ? t("{n} of {all}", { n: at + 1, all: files.length }) : "";
  view.save.href = file.url;
  stage.classList.remove("zoomed");
  if (stage.contains(document.activeElement)) stage.focus({ preventScroll: true });
  stage.replaceChildren(el("p", {}, t("Loading…")));
  const page = await fetchPage(`/files/${file.id}/view?part=preview`).catch(() => null);
  if (mine !== shown || !view) return;
  const preview = page && $("#preview", page);
  const resting = stage.contains(document.activeElement);
  stage.replaceChildren(preview ?? el("p", {}, t("This file cannot be shown at present.")));
  // So that the keys that scroll do so at once; whoever stands on a button of the head stays there.
  if (resting) ($(".preview-paper", stage) ?? stage).focus({ preventScroll: true });
}
