// Who is here: on the desk, and on this ticket. Several windows are one person.

import { $, avatar, el, me, openTicket } from "./dom.js";
import { live } from "./live.js";
import { t } from "./words.js";

const MOST = 6;
/** @type {Map<number, UserPresence>} */
const people = new Map();

function drawDesk() {
  const box = $("#here");
  if (!box) return;
  const here = [...people.values()].filter((p) => p.status !== "offline" && p.user.id !== me.id);
  box.replaceChildren(...here.slice(0, MOST).map(({ user, status }) => avatar(user, status === "away" ? "away" : "")));
  if (here.length > MOST) box.append(el("span", { class: "tiny muted" }, ` +${here.length - MOST}`));
}

/** @param {Viewer[]} viewers */
function drawViewers(viewers) {
  const box = $("#viewers");
  if (!box) return;
  box.setAttribute("data-hold", "");
  box.replaceChildren(...viewers.filter((v) => v.id !== me.id).map((v) => {
    const face = avatar(v), { name } = v;
    face.title = v.state === "viewing" ? t("{name} is looking at this ticket", { name }) : t("{name} is here", { name });
    return face;
  }));
}

export function start() {
  live.on("presence", (list) => {
    people.clear();
    for (const entry of list) people.set(entry.user.id, entry);
    drawDesk();
  });
  live.on("presence_update", (data) => {
    if ("viewers" in data) {
      if (data.ticket_id === openTicket()) drawViewers(data.viewers);
    } else {
      people.set(data.user.id, data);
      drawDesk();
    }
  });
}
