// A list that filters while you type and chooses with Enter: for menus and for the palette.

import { $, el, icon } from "./dom.js";

// How well the letters of a query fit a text: each word as the beginning of a word, inside one, or letter by letter.
export function fit(query, text) {
  let points = 0;
  const low = text.toLowerCase();
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = low.indexOf(word);
    if (at >= 0) { points += at === 0 || /\W/.test(low[at - 1]) ? 100 - Math.min(at, 40) : 40; continue; }
    let from = 0;
    for (const letter of word) {
      from = low.indexOf(letter, from) + 1;
      if (!from) return 0;
    }
    points += 5;
  }
  return points || 1;
}

export function best(query, items, most = 50) {
  if (!query.trim()) return items.slice(0, most);
  const found = [];
  for (const item of items) {
    const points = fit(query, item.search ?? item.label);
    if (points) found.push({ item, points: points + (item.boost ?? 0) });
  }
  return found.sort((a, b) => b.points - a.points).slice(0, most).map((f) => f.item);
}

let numbered = 0;

// Join an input and a listbox; `source(query)` gives the items, `choose(item)` gets the one.
export function picker({ label, source, choose, inputClass = "menu-filter", listClass = "", placeholder = "" }) {
  const id = `list-${++numbered}`;
  const input = el("input", { class: inputClass, type: "text", role: "combobox", "aria-label": label, "aria-expanded": "true", "aria-controls": id, "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", placeholder });
  const list = el("div", { class: listClass, role: "listbox", id, "aria-label": label });
  let items = [], at = 0;

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
    if (!items.length) list.replaceChildren(el("div", { class: "menu-item muted", role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing fits"));
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

  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      at = (at + step + items.length) % Math.max(1, items.length);
      mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      if (items[at]) choose(items[at]);
    }
  });
  return { input, list, draw };
}

// Ask for one of the items beside an element; resolves to the item (with its comment), or to null.
export function openMenu({ title, items, at, free = false, ask = () => false }) {
  return new Promise((resolve) => {
    const box = el("dialog", { class: "menu", "aria-label": title });
    let result = null;
    const parts = picker({
      label: "Type to filter", placeholder: title,
      source: (query) => {
        const found = best(query, items);
        return free && query.trim() ? [{ value: query.trim(), label: query.trim() }, ...found] : found;
      },
      choose: (item) => { if (ask(item)) askWhy(item); else end(item); },
    });
    box.append(parts.input, parts.list);

    function askWhy(item) {
      const words = el("textarea", { class: "input", rows: 3, "aria-label": "Comment", placeholder: "Why? Staff will see it in the history." });
      const go = el("button", { class: "button primary small", type: "button" }, item.label);
      const confirm = () => { if (words.value.trim()) end({ ...item, comment: words.value.trim() }); else words.focus(); };
      go.addEventListener("click", confirm);
      words.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); confirm(); } });
      box.replaceChildren(el("div", { class: "ask" }, words, el("div", { class: "row" }, go)));
      words.focus();
    }

    function end(item) { result = item; box.close(); box.remove(); }

    box.addEventListener("close", () => { box.remove(); resolve(result); }, { once: true });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    parts.draw();
    put(box, at);
    parts.input.focus();
  });
}

function put(box, at) {
  const there = at?.getBoundingClientRect?.();
  const { width, height } = box.getBoundingClientRect();
  const free = (wish, most) => `${Math.round(Math.max(8, Math.min(wish, most - 8)))}px`;
  const seen = there && there.width > 0;
  box.style.left = free(seen ? there.left : (innerWidth - width) / 2, innerWidth - width);
  box.style.top = free(seen ? (there.bottom + height + 8 > innerHeight ? there.top - height - 4 : there.bottom + 4) : innerHeight * 0.2, innerHeight - height);
}
