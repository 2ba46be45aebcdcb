// Turn one element into another in place, so that focus, scroll, selection and open sections stay.
// An element that carries data-hold is being used right now and is left alone.

const LOCAL = { DETAILS: ["open"], DIV: ["aria-selected", "tabindex"], INPUT: ["value"] };

export function morph(from, to) {
  const focus = document.activeElement;
  change(from, to);
  if (focus && focus !== document.body && focus.isConnected && document.activeElement !== focus) {
    focus.focus({ preventScroll: true });
  }
}

function change(from, to) {
  if (from.isEqualNode(to) || (from.nodeType === 1 && from.hasAttribute("data-hold"))) return;
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  if (from.nodeType !== 1) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  const was = from.nodeName === "SELECT" ? chosen(from) : null;
  attributes(from, to);
  children(from, to);
  if (from.nodeName === "SELECT" && document.activeElement !== from && was !== null) from.value = chosen(to);
  if (from.nodeName === "INPUT" && document.activeElement !== from && from.type !== "checkbox") from.value = to.getAttribute("value") ?? "";
}

const chosen = (select) => select.querySelector("option[selected]")?.value ?? select.options[0]?.value ?? "";

function attributes(from, to) {
  const local = LOCAL[from.nodeName] ?? [];
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !local.includes(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !(local.includes(name) && from.nodeName !== "INPUT")) from.setAttribute(name, value);
  }
}

function children(from, to) {
  const known = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = new Set([...to.children].map((child) => child.id).filter(Boolean));
  for (const [id, child] of known) {
    if (!wanted.has(id) && !child.hasAttribute("data-hold")) child.remove();
  }
  let here = from.firstChild;
  for (const next of [...to.childNodes]) {
    const match = next.id ? known.get(next.id) : null;
    if (match) {
      if (match === here) here = here.nextSibling; else place(from, match, here);
      change(match, next);
    } else if (!next.id && here && !here.id && here.nodeName === next.nodeName) {
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
    if (!(spare.nodeType === 1 && spare.hasAttribute("data-hold"))) spare.remove();
  }
}

function place(parent, child, before) {
  if (parent.moveBefore) parent.moveBefore(child, before); else parent.insertBefore(child, before);
}
