// The console: the pieces, started in order.

import { me, on } from "./dom.js";
import * as live from "./live.js";
import * as nav from "./nav.js";
import * as list from "./list.js";
import * as ticket from "./ticket.js";
import * as outbox from "./outbox.js";
import * as composer from "./composer.js";
import * as uploads from "./uploads.js";
import * as actions from "./actions.js";
import * as keys from "./keys.js";
import * as presence from "./presence.js";
import * as search from "./search.js";
import * as theme from "./theme.js";
import * as times from "./times.js";

for (const piece of [times, theme, nav, list, ticket, uploads, composer, outbox, actions, keys, presence, search, live]) piece.start();

// The bell and the names of colleagues come when there is something to say.
live.live.on("notification", async (told) => (await import("./bell.js")).hear(told));
live.live.on("notifications_read", async (told) => (await import("./bell.js")).hear(told));
live.live.on("resync", async () => (await import("./bell.js")).resync());
on("input", "#composer textarea", async (event, area) => {
  if (me.isStaff && area.value.includes("@")) (await import("./mentions.js")).suggest(area);
});

on("click", "#macros", async (event) => {
  event.preventDefault();
  (await import("./macros.js")).choose();
});

// Looking at files comes when somebody wants to.
on("click", "a[data-preview]", async (event, link) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const { open } = await import("./lightbox.js");
  open(link);
});
