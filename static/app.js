// The console: the pieces, started in order.

import { on } from "./dom.js";
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

// Looking at files comes when somebody wants to.
on("click", "a[data-preview]", async (event, link) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const { open } = await import("./lightbox.js");
  open(link);
});
