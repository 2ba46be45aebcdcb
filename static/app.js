// The console: the pieces, started in order.

import { isPlain, me, on } from "./dom.js";
import { complain } from "./toasts.js";
import { t } from "./words.js";
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
const bell = () => import("./bell.js");
live.live.on("notification", async (told) => (await bell()).hear(told));
live.live.on("notifications_read", async (told) => (await bell()).hear(told));
live.live.on("resync", async () => (await bell()).resync());
on("input", "#composer textarea", async (event, area) => {
  if (me.isStaff && area.value.includes("@")) (await import("./mentions.js")).suggest(area);
});

// A piece that somebody asked for and that does not come is not passed over in silence.
const missing = () => complain(t("The desk cannot be reached."));

on("click", "#macros", (event) => {
  event.preventDefault();
  import("./macros.js").then((m) => m.choose(), missing);
});

// Looking at files comes when somebody wants to.
on("click", "a[data-preview]", (event, link) => {
  if (!isPlain(event)) return;
  event.preventDefault();
  import("./lightbox.js").then((m) => m.open(link), missing);
});
