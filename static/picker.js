// A list that filters while you type and chooses with Enter: for menus and for the palette.

import { button, confirms, el, icon } from "./dom.js";
import { best } from "./ranking.js";
import { t } from "./words.js";

let numbered = 0;

/**
 * Join an input and a listbox; `source(query)` gives the items, `choose(item)` gets the one.
 * @param {PickerOptions} options
 * @returns {Picker}
 */
export function picker({ label, source, choose, inputClass = "menu-filter", listClass = "", placeholder = "" }) {
  const id = `list-${++numbered}`;
  const input = el("input", { class: inputClass, type: "text", role: "combobox", "aria-label": label, "aria-expanded": "true", "aria-controls": id, "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", placeholder });
  const list = el("div", { class: listClass, role: "listbox", id, "aria-label": label });
  /** @type {Item[]} */
  let items = [];
  let at = 0;

  function draw() {
    items = source(input.value);
    at = 0;
    list.replaceChildren(...items.map((item, n) => {
      const option = el("div", { class: "menu-item", role: "option", id: `${id}-${n}`, "aria-selected": "false" });
      if (item.icon) option.append(icon(item.icon, item.tint ?? ""));
      option.append(el("span", { class: "cut" }, item.label));
      if (item.hint) option.append(el("span", { class: "hint tiny muted" }, item.hint));
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(item); });
      return option;
    }));
    if (!items.length) list.replaceChildren(el("div", { class: "menu-item muted", role: "option", "aria-disabled": "true", "aria-selected": "false" }, t("Nothing fits")));
    mark();
  }

  function mark() {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const option = list.children[at];
    if (!items.length) { input.removeAttribute("aria-activedescendant"); return; }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  const chosen = () => { if (items[at]) choose(items[at]); };

  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      at = (at + step + items.length) % Math.max(1, items.length);
      mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      chosen();
    }
  });
  return { input, list, draw, choose: chosen };
}

/**
 * Ask for one of the items beside an element; resolves to the item (with its comment), or to null.
 * @param {MenuOptions} options
 * @returns {Promise<Picked | null>}
 */
export function openMenu({ title, items, at, free = false, ask = () => false }) {
  return new Promise((resolve) => {
    const box = el("dialog", { class: "menu", "aria-label": title });
    /** @type {Picked | null} */
    let result = null;
    const parts = picker({
      label: t("Type to filter"), placeholder: title,
      source: (query) => {
        const found = best(query, items);
        return free && query.trim() ? [{ value: query.trim(), label: query.trim() }, ...found] : found;
      },
      choose: (item) => { if (ask(item)) askWhy(item); else end(item); },
    });
    box.append(parts.input, parts.list);

    /** @param {Item} item */
    function askWhy(item) {
      const words = el("textarea", { class: "input", rows: 3, "aria-label": t("Comment"), placeholder: t("Why? Staff will see it in the history.") });
      const confirm = () => { if (words.value.trim()) end(item, words.value.trim()); else words.focus(); };
      const go = button(item.label, confirm, { kind: "primary small" });
      words.addEventListener("keydown", (event) => { if (confirms(event)) { event.preventDefault(); confirm(); } });
      box.replaceChildren(el("div", { class: "ask" }, words, el("div", { class: "row" }, go)));
      words.focus();
    }

    /**
     * @param {Item} item
     * @param {string} [comment]
     */
    function end(item, comment) {
      result = { ...item, value: item.value ?? item.label, comment };
      box.close();
    }

    box.addEventListener("close", () => { box.remove(); resolve(result); }, { once: true });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    parts.draw();
    put(box, at);
    parts.input.focus();
  });
}

/**
 * @param {HTMLElement} box
 * @param {Element | null} [at]
 */
function put(box, at) {
  const there = at?.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const free = (/** @type {number} */ wish, /** @type {number} */ most) => `${Math.round(Math.max(8, Math.min(wish, most - 8)))}px`;
  const seen = there && there.width > 0;
  box.style.left = free(seen ? there.left : (innerWidth - width) / 2, innerWidth - width);
  box.style.top = free(seen ? (there.bottom + height + 8 > innerHeight ? there.top - height - 4 : there.bottom + 4) : innerHeight * 0.2, innerHeight - height);
}
