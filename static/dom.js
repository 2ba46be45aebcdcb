// Small helpers that every module uses.

/**
 * The first element that fits, if there is one.
 * @template {string} S
 * @param {S} selector
 * @param {ParentNode} [root]
 * @returns {Found<S> | null}
 */
export const $ = (selector, root = document) => root.querySelector(selector);

/**
 * The first element that fits, of which there has to be one.
 * @template {string} S
 * @param {S} selector
 * @param {ParentNode} [root]
 * @returns {Found<S>}
 */
export function the(selector, root) {
  const found = $(selector, root);
  if (!found) throw new Error(`No ${selector} on ${location.pathname}`);
  return found;
}

/**
 * @template {string} S
 * @param {S} selector
 * @param {ParentNode} [root]
 * @returns {Found<S>[]}
 */
export const $$ = (selector, root = document) => [.../** @type {NodeListOf<Found<S>>} */ (root.querySelectorAll(selector))];

/**
 * What an event happened on or in.
 * @template {string} S
 * @param {{ target: EventTarget | null }} event
 * @param {S} selector
 * @returns {Found<S> | null}
 */
export const hit = ({ target }, selector) => (target instanceof Element ? target.closest(selector) : null);

/** Whether a click is one that a link may take over from the browser. @param {MouseEvent} event */
export const isPlain = (event) => !(event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

/** Ctrl+Enter, or the same on a Mac. @param {KeyboardEvent} event */
export const confirms = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey);

const body = document.body.dataset;

/** @type {Me} */
export const me = { id: Number(body.me), name: body.name ?? "", role: body.role ?? "", isStaff: body.role !== "customer" };

/**
 * Listen on the document, so that what is fetched later is heard as well.
 * @template {keyof DocumentEventMap} E
 * @template {string} S
 * @param {E} type
 * @param {S} selector
 * @param {(event: DocumentEventMap[E], element: Found<S>) => void} handler
 */
export function on(type, selector, handler) {
  document.addEventListener(type, (event) => {
    const found = hit(event, selector);
    if (found) handler(event, found);
  });
}

/**
 * Make an element; an attribute that is true has no value, one that is false or null is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A copy of what a template on the page holds.
 * @param {"#bubble" | "#upload-row"} selector
 * @returns {HTMLElement}
 */
export const copyOf = (selector) => the("*", document.importNode(the(selector).content, true));

const sprite = import.meta.resolve("./icons.svg");

/** @param {string} name */
export function icon(name, extra = "") {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  drawn.setAttribute("class", `icon ${extra}`.trim());
  drawn.setAttribute("aria-hidden", "true");
  drawn.append(use);
  return drawn;
}

/**
 * @param {string} label
 * @param {() => unknown} run
 * @param {{ face?: string, kind?: string }} [looks]
 */
export function button(label, run, { face, kind = "small" } = {}) {
  const made = el("button", { class: `button ${kind}`, type: "button" }, ...(face ? [icon(face)] : []), label);
  made.addEventListener("click", run);
  return made;
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)?.[0] : "")).toUpperCase();
}

/** @param {Named} person */
export function avatar(person, extra = "") {
  const face = el("span", { class: `avatar hue-${person.id % 6} ${extra}`.trim(), title: person.name });
  face.textContent = initials(person.name);
  return face;
}

/** The number of the open ticket. */
export const openTicket = () => Number($("#conversation")?.dataset.ticket) || null;

/** @param {Element | null} target */
export const isTyping = (target) => Boolean(target?.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]"));

/**
 * Run at once, then at most every `gap` milliseconds while calls keep coming.
 * @param {() => Promise<unknown>} action
 * @param {number | (() => number)} gap
 */
export function paced(action, gap) {
  let last = -Infinity, timer = 0, running = false, again = false;
  async function run() {
    timer = 0;
    if (running) { again = true; return; }
    running = true;
    last = performance.now();
    try { await action(); } finally {
      running = false;
      if (again) { again = false; call(); }
    }
  }
  function call() {
    if (running) { again = true; return; }
    if (timer) return;
    const wait = Math.max(0, last + (typeof gap === "function" ? gap() : gap) - performance.now());
    if (wait === 0) run(); else timer = setTimeout(run, wait);
  }
  return call;
}

// Storage may be full or forbidden; the console works without it.
export const kept = {
  /** @param {string} key */
  get(key) { try { return JSON.parse(localStorage.getItem(key) ?? "null"); } catch { return null; } },
  /**
   * @param {string} key
   * @param {unknown} value
   */
  set(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* kept on the server too */ } },
  /** @param {string} key */
  drop(key) { try { localStorage.removeItem(key); } catch { /* nothing to drop */ } },
};
