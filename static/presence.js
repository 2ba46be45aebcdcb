// Who is here: on the desk, and on this ticket. Several windows are one person.

import { $, avatar, el, me, openTicket } from "./dom.js";
import { live } from "./live.js";
import { t } from "./words.js";

const MOST = 6;
/** @type {Map<number, UserPresence>} */
const people = new Map();
/** What somebody writes on the open ticket. @type {Map<number, string>} */
const typing = new Map();
/** @type {Viewer[]} */
let viewers = [];

function drawDesk() {
  const box = $("#here");
  if (!box) return;
  const here = [...people.values()].filter((p) => p.status !== "offline" && p.user.id !== me.id);
  box.replaceChildren(...here.slice(0, MOST).map(({ user, status }) => avatar(user, status === "away" ? "away" : "")));
  if (here.length > MOST) box.append(el("span", { class: "tiny muted" }, ` +${here.length - MOST}`));
}

function drawViewers() {
  const box = $("#viewers");
  if (!box) return;
  box.setAttribute("data-hold", "");
  box.replaceChildren(...viewers.filter((v) => v.id !== me.id).map((v) => {
    const face = avatar(v), { name } = v;
    face.title = !typing.has(v.id)
      ? v.state === "viewing" ? t("{name} is looking at this ticket", { name }) : t("{name} is here", { name })
      : typing.get(v.id) === "note" ? t("{name} is typing a note", { name }) : t("{name} is typing a reply", { name });
    return face;
  }));
}

export function start() {
  live.on("presence", (list) => {
    people.clear();
    for (const entry of list) people.set(entry.user.id, entry);
    drawDesk();
  });
  live.on("user_typing", ({ ticket_id: ticket, user, typing: is, mode }) => {
    if (ticket !== openTicket()) return;
    if (is) typing.set(user.id, mode ?? "reply"); else typing.delete(user.id);
    drawViewers();
  });
  document.addEventListener("desk:page", () => { typing.clear(); viewers = []; });
  live.on("presence_update", (data) => {
    if ("viewers" in data) {
      if (data.ticket_id !== openTicket()) return;
      ({ viewers } = data);
      drawViewers();
    } else {
      people.set(data.user.id, data);
      drawDesk();
    }
  });
}
