// The bell: how much is unread, the page of notifications, and a word to those who listen rather than look.

import { $, openTicket, the } from "./dom.js";
import { call, fetchPage } from "./api.js";
import { morph } from "./morph.js";
import { refresh as refreshTimes } from "./times.js";
import { t } from "./words.js";

/** @param {{ unread: number, notification?: NotificationBody }} told */
export function hear({ unread, notification }) {
  draw(unread);
  if (notification) announce(notification);
  refreshPage();
}

/** After a gap nobody knows what was missed. */
export async function resync() {
  // Without the desk the bell stands as it is; the line asks again when it is back.
  const told = /** @type {{ unread: number } | null} */ (await call("GET", "/api/notifications/?limit=1").catch(() => null));
  if (told) draw(told.unread);
  refreshPage();
}

/** @param {number} unread */
function draw(unread) {
  const bell = the("#bell"), count = the(".count", bell);
  count.textContent = unread > 99 ? "99+" : String(unread);
  count.hidden = !unread;
  bell.setAttribute("aria-label", unread ? t("Notifications, {n} unread", { n: unread }) : t("Notifications"));
}

/** @param {NotificationBody} notification */
function announce({ kind, actor, ticket }) {
  if (openTicket() === ticket.id && !document.hidden) return;
  const about = { name: actor?.name ?? t("The desk"), ticket: `${ticket.reference} ${ticket.title}` };
  if (kind === "mentioned") the("#bell-news").textContent = t("{name} mentioned you in {ticket}", about);
  if (kind === "assigned") the("#bell-news").textContent = t("{name} gave you {ticket}", about);
}

async function refreshPage() {
  const address = location.href, here = $("#notifications");
  if (document.body.dataset.page !== "notifications" || !here) return;
  const page = await fetchPage(address).catch(() => null), next = page && $("#notifications", page);
  if (!next || location.href !== address) return;
  morph(here, next);
  refreshTimes(here);
}
