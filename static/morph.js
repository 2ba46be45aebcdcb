// Turn one element into another in place, so that focus, scroll, selection and open sections stay.
// An element that carries data-hold is being used right now and is left alone.

import { $ } from "./dom.js";

/** Attributes that the page itself sets. @type {Record<string, string[]>} */
const LOCAL = { DETAILS: ["open"], DIV: ["aria-selected", "tabindex"], INPUT: ["value"] };

/**
 * @param {Element} from
 * @param {Element} to
 */
export function morph(from, to) {
  const focus = document.activeElement;
  change(from, to);
  if (focus instanceof HTMLElement && focus !== document.body && focus.isConnected && document.activeElement !== focus) {
    focus.focus({ preventScroll: true });
  }
}

/** @param {Node} node */
const isHeld = (node) => node instanceof Element && node.hasAttribute("data-hold");

/**
 * @param {ChildNode} from
 * @param {Node} to
 */
function change(from, to) {
  if (from.isEqualNode(to) || isHeld(from)) return;
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) from.replaceWith(document.importNode(to, true));
  else if (from instanceof Element) alter(from, /** @type {Element} */ (to));
  else if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
}

/**
 * @param {Element} from
 * @param {Element} to
 */
function alter(from, to) {
  attributes(from, to);
  children(from, to);
  if (document.activeElement === from) return;
  if (from instanceof HTMLSelectElement) from.value = chosen(to);
  if (from instanceof HTMLInputElement && from.type !== "checkbox") from.value = to.getAttribute("value") ?? "";
}

/** @param {Element} select */
const chosen = (select) => ($("option[selected]", select) ?? $("option", select))?.value ?? "";

/**
 * @param {Element} from
 * @param {Element} to
 */
function attributes(from, to) {
  const local = LOCAL[from.nodeName] ?? [];
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !local.includes(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !(local.includes(name) && from.nodeName !== "INPUT")) from.setAttribute(name, value);
  }
}

/**
 * @param {Element} from
 * @param {Element} to
 */
function children(from, to) {
  const known = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = new Set([...to.children].map((child) => child.id).filter(Boolean));
  for (const [id, child] of known) {
    if (!wanted.has(id) && !isHeld(child)) child.remove();
  }
  let here = from.firstChild;
  for (const next of [...to.childNodes]) {
    const id = idOf(next), match = id && known.get(id);
    if (match) {
      if (match === here) here = here.nextSibling; else place(from, match, here);
      change(match, next);
    } else if (!id && here && !idOf(here) && here.nodeName === next.nodeName) {
      const reused = here;
      here = here.nextSibling;
      change(reused, next);
    } else {
      from.insertBefore(document.importNode(next, true), here);
    }
  }
  while (here) {
    const spare = here;
    here = here.nextSibling;
    if (!isHeld(spare)) spare.remove();
  }
}

/** @param {Node} node */
const idOf = (node) => (node instanceof Element ? node.id : "");

/**
 * @param {Element} parent
 * @param {Element} child
 * @param {ChildNode | null} before
 */
function place(parent, child, before) {
  if (parent.moveBefore) parent.moveBefore(child, before); else parent.insertBefore(child, before);
}
