// The sheet of keyboard shortcuts.

import { $, el } from "./dom.js";
import { known } from "./keys.js";
import { t } from "./words.js";

/** @type {Record<import("./keys.js").Key | "Enter", string>} */
const KEYS = {
  j: t("Next ticket in the list"),
  k: t("Previous ticket in the list"),
  J: t("Select and go down"),
  K: t("Select and go up"),
  Enter: t("Open the ticket"),
  x: t("Select the ticket"),
  X: t("Select everything in between"),
  "[": t("Previous ticket"),
  "]": t("Next ticket"),
  r: t("Reply"),
  n: t("Internal note"),
  m: t("Macros"),
  a: t("Assign"),
  i: t("Assign to me"),
  s: t("Status"),
  p: t("Priority"),
  e: t("Resolve"),
  z: t("Put on hold"),
  c: t("New ticket"),
  "/": t("Search"),
  "?": t("These shortcuts"),
};
const ALWAYS = { "Ctrl K": t("Command palette"), "Ctrl Enter": t("Send or confirm"), Esc: t("Leave the field, close, deselect") };

/** What stands on a key. @param {string} key */
const cap = (key) => (key.length > 1 ? key : key === key.toLowerCase() ? key.toUpperCase() : t("Shift {key}", { key }));

/** @param {[string, string]} row */
const row = ([keys, what]) => el("div", {}, el("span", {}, what), el("span", {}, ...keys.split(" ").flatMap((key) => [el("kbd", {}, cap(key)), " "])));

export function open() {
  if ($("#help")) return;
  const ours = Object.entries(KEYS).filter(([key]) => key === "Enter" || known.has(key));
  const [before, after] = t("Single keys rest while you type; switch them off in {settings}.").split("{settings}");
  const box = el("dialog", { class: "dialog", id: "help", "aria-label": t("Keyboard shortcuts") },
    el("form", { class: "block", method: "dialog" }, el("h2", {}, t("Keyboard shortcuts")),
      el("div", { class: "keys" }, ...[...ours, ...Object.entries(ALWAYS)].map(row)),
      el("p", { class: "tiny muted" }, before, el("a", { href: "/settings" }, t("Settings")), after ?? ""),
      el("div", { class: "form-end" }, el("button", { class: "button primary" }, t("Close")))));
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
}
