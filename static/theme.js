// Light or dark: follows the system until somebody says otherwise, then a cookie remembers.

import { $, icon, on } from "./dom.js";

const isDark = () => {
  const said = document.documentElement.dataset.theme;
  return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

export function toggle() {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  $("meta[name=color-scheme]")?.setAttribute("content", next);
  document.cookie = `theme=${next}; path=/; max-age=31536000; SameSite=Lax`;
  draw();
}

function draw() {
  $("[data-do=theme]")?.replaceChildren(icon(isDark() ? "sun" : "moon"));
}

export function start() {
  draw();
  on("click", "[data-do=theme]", (event) => { event.preventDefault(); toggle(); });
}
