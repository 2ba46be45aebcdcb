// Moments in words, kept fresh. The server writes the same words first, so nothing moves.

import { $$ } from "./dom.js";

const MINUTE = 60, HOUR = 3600, DAY = 86_400;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function span(seconds) {
  if (seconds < HOUR) return `${Math.max(1, Math.floor(seconds / MINUTE))} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

function ago(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds < MINUTE) return "now";
  return seconds < 30 * DAY ? span(seconds) : day.format(at);
}

function due(at, now) {
  const seconds = (at - now) / 1000;
  return seconds < 0 ? `-${span(-seconds)}` : span(seconds);
}

export function refresh(root = document) {
  const now = Date.now();
  for (const time of $$("time[datetime]", root)) {
    const at = new Date(time.dateTime);
    const style = time.dataset.style;
    const left = (at - now) / 1000;
    const text = style === "due" ? due(at, now)
      : style === "due-long" ? (left < 0 ? `${span(-left)} late` : `${span(left)} left`)
      : ago(at, now);
    if (time.textContent !== text) time.textContent = text;
    if (!style && !time.dataset.full) { time.dataset.full = ""; time.title = full.format(at); }
  }
}

export function start() {
  refresh();
  setInterval(refresh, 20_000);
}
