// Short words at the bottom: what was done, with a way back for ten seconds.

import { button, el, the } from "./dom.js";
import { t } from "./words.js";

/**
 * @param {string} text
 * @param {ToastOptions} [options]
 */
export function toast(text, { undo, action, bad = false } = {}) {
  const shown = el("div", { class: bad ? "toast bad" : "toast" }, el("span", { class: "grow" }, text));
  const close = () => { clearTimeout(timer); shown.remove(); };
  const timer = setTimeout(close, 10_000);
  const offer = undo ? { label: t("Undo"), run: undo } : action;
  if (offer) shown.append(button(offer.label, () => { close(); offer.run(); }));
  const dismiss = button("×", close, { kind: "small square" });
  dismiss.setAttribute("aria-label", t("Dismiss"));
  shown.append(dismiss);
  const box = the("#toasts");
  while (box.children.length > 2) box.firstElementChild?.remove();
  box.append(shown);
}

/**
 * Through which statuses a ticket gets back to where it was: what is done is reopened first.
 * @param {string} here
 * @param {string} was
 */
export const stepsBack = (here, was) => (was !== "open" && (here === "closed" || (here === "resolved" && was !== "closed")) ? ["open", was] : [was]);

/** Say what went wrong. @param {unknown} error */
export const complain = (error) => toast(error instanceof Error ? error.message : String(error), { bad: true });
