// Short words at the bottom: what was done, with a way back for ten seconds.

import { $, el } from "./dom.js";

export function toast(text, { undo, action, bad = false } = {}) {
  const shown = el("div", { class: bad ? "toast bad" : "toast" }, el("span", { class: "grow" }, text));
  const close = () => { clearTimeout(timer); shown.remove(); };
  const timer = setTimeout(close, 10_000);
  const button = undo ? { label: "Undo", run: undo } : action;
  if (button) {
    const pressed = el("button", { class: "button small", type: "button" }, button.label);
    pressed.addEventListener("click", () => { close(); button.run(); });
    shown.append(pressed);
  }
  const dismiss = el("button", { class: "button small square", type: "button", "aria-label": "Dismiss" }, "×");
  dismiss.addEventListener("click", close);
  shown.append(dismiss);
  const box = $("#toasts");
  while (box.children.length > 2) box.firstElementChild.remove();
  box.append(shown);
  return close;
}

// From where a ticket is to where it was: what is done is reopened first.
export const wayBack = (here, was) => ((here === "resolved" && was !== "closed") || here === "closed") && was !== "open" ? ["open", was] : [was];

export const complain = (error) => { if (error?.name !== "AbortError") toast(error.message, { bad: true }); };
