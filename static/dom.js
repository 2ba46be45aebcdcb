// Small helpers that every module uses.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const body = document.body.dataset;
export const me = { id: Number(body.me), name: body.name, role: body.role, isStaff: body.role !== "customer" };

// Listen on the document, so that what is fetched later is heard as well.
export function on(type, selector, handler, options) {
  document.addEventListener(type, (event) => {
    const hit = event.target.closest?.(selector);
    if (hit) handler(event, hit);
  }, options);
}

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const sprite = import.meta.resolve("./icons.svg");

export function icon(name, extra = "") {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  drawn.setAttribute("class", `icon ${extra}`.trim());
  drawn.setAttribute("aria-hidden", "true");
  drawn.append(use);
  return drawn;
}

export function initials(name) {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}

export function avatar(person, extra = "") {
  const face = el("span", { class: `avatar hue-${person.id % 6} ${extra}`.trim(), title: person.name });
  face.textContent = initials(person.name);
  return face;
}

export const openTicket = () => Number($("#conversation")?.dataset.ticket) || null;

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export const isTyping = (target) => Boolean(target?.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]"));

// Run at once, then at most every `gap` milliseconds while calls keep coming.
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
  get(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* kept on the server too */ } },
  drop(key) { try { localStorage.removeItem(key); } catch { /* nothing to drop */ } },
};
