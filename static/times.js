// Moments in words, kept fresh. The server writes the same words first, so nothing moves.

import { language, t } from "./words.js";

const MINUTE = 60, HOUR = 3600, DAY = 86_400;

// Who reads English has dates as their browser writes them: English alone does not say which day comes first.
const locale = language === "en" ? undefined : language;

/**
 * A form in a person's own time zone, or in the browser's when theirs is unknown to it.
 * @param {Intl.DateTimeFormatOptions} form
 * @param {string} [timeZone]
 */
function dates(form, timeZone) {
  try { return new Intl.DateTimeFormat(locale, { ...form, timeZone }); } catch { return new Intl.DateTimeFormat(locale, form); }
}

const zone = document.body?.dataset.zone || undefined;
const full = dates({ dateStyle: "medium", timeStyle: "short" }, zone);
const day = dates({ day: "numeric", month: "short" }, zone);

/**
 * A length of time in its largest fitting unit.
 * @param {number} seconds
 */
export function span(seconds) {
  if (seconds < HOUR) return t("{n} min", { n: Math.max(1, Math.floor(seconds / MINUTE)) });
  if (seconds < 2 * DAY) return t("{n} h", { n: Math.floor(seconds / HOUR) });
  return t("{n} d", { n: Math.floor(seconds / DAY) });
}

/**
 * How long ago it was; beyond a month the day.
 * @param {number} at
 * @param {number} now
 */
export function ago(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds < MINUTE) return t("now");
  return seconds < 30 * DAY ? span(seconds) : day.format(at);
}

/**
 * How much time is left; what is over has a minus.
 * @param {number} at
 * @param {number} now
 */
export function due(at, now) {
  const seconds = (at - now) / 1000;
  return seconds < 0 ? `-${span(-seconds)}` : span(seconds);
}

/**
 * @param {number} at
 * @param {number} now
 */
export function dueLong(at, now) {
  const seconds = (at - now) / 1000;
  return seconds < 0 ? t("{time} late", { time: span(-seconds) }) : t("{time} left", { time: span(seconds) });
}

/** @param {ParentNode} [root] */
export function refresh(root = document) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time")) {
    const at = Date.parse(time.dateTime), { style } = time.dataset;
    if (Number.isNaN(at)) continue;
    const text = (style === "due" ? due : style === "due-long" ? dueLong : ago)(at, now);
    if (time.textContent !== text) time.textContent = text;
    if (!style && !("full" in time.dataset)) { time.dataset.full = ""; time.title = full.format(at); }
  }
}

export function start() {
  refresh();
  setInterval(refresh, 20_000);
}
