// The bell: how much is unread, the page of notifications, and a word to those who listen rather than look.

import { $, openTicket } from "./dom.js";
import { call, fetchPage } from "./api.js";
import { morph } from "./morph.js";
import { refresh as refreshTimes } from "./times.js";

export function hear({ unread, notification }) {
  draw(unread);
  if (notification) announce(notification);
  refreshPage();
}

// After a gap nobody knows what was missed.
export async function resync() {
  const { unread } = await call("GET", "/api/notifications/?limit=1");
  draw(unread);
  refreshPage();
}

function draw(unread) {
  const bell = $("#bell"), count = $(".count", bell);
  count.textContent = unread > 99 ? "99+" : unread;
  count.hidden = !unread;
  bell.setAttribute("aria-label", unread ? `Notifications, ${unread} unread` : "Notifications");
}

function announce({ kind, actor, ticket }) {
  if (openTicket() === ticket.id && !document.hidden) return;
  const who = actor?.name ?? "The desk";
  const said = { mentioned: `${who} mentioned you in`, assigned: `${who} gave you` }[kind];
  if (said) $("#bell-news").textContent = `${said} ${ticket.reference} ${ticket.title}`;
}

async function refreshPage() {
  const here = location.href;
  if (document.body.dataset.page !== "notifications") return;
  const page = await fetchPage(here).catch(() => null);
  if (!page?.querySelector("#notifications") || location.href !== here) return;
  morph($("#notifications"), page.querySelector("#notifications"));
  refreshTimes($("#notifications"));
}
