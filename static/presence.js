// Who is here: on the desk, and on this ticket. Several windows are one person.

import { $, avatar, me, openTicket } from "./dom.js";
import { live } from "./live.js";

const MOST = 6;
const people = new Map();
const typing = new Map(); // person → reply or note
let viewers = [];

function drawDesk() {
  const box = $("#here");
  if (!box) return;
  const here = [...people.values()].filter((p) => p.status !== "offline" && p.user.id !== me.id);
  box.replaceChildren(...here.slice(0, MOST).map(({ user, status }) => avatar(user, status === "away" ? "away" : "")));
  if (here.length > MOST) box.append(Object.assign(document.createElement("span"), { className: "tiny muted", textContent: ` +${here.length - MOST}` }));
}

function drawViewers() {
  const box = $("#viewers");
  if (!box) return;
  const others = viewers.filter((v) => v.id !== me.id);
  box.setAttribute("data-hold", "");
  box.replaceChildren(...others.map((v) => {
    const face = avatar(v);
    face.title = `${v.name} is ${{ viewing: "looking at this ticket", reply: "typing a reply", note: "typing a note" }[typing.get(v.id) ?? v.state] ?? "here"}`;
    return face;
  }));
}

export function start() {
  live.on("presence", (list) => {
    people.clear();
    for (const entry of list) if (entry.user) people.set(entry.user.id, entry);
    drawDesk();
  });
  live.on("user_typing", (data) => {
    if (data.ticket_id !== openTicket()) return;
    if (data.typing) typing.set(data.user.id, data.mode ?? "reply"); else typing.delete(data.user.id);
    drawViewers();
  });
  document.addEventListener("desk:page", () => { typing.clear(); viewers = []; });
  live.on("presence_update", (data) => {
    if (data.viewers) {
      if (data.ticket_id === openTicket()) { ({ viewers } = data); drawViewers(); }
    } else if (data.user) {
      people.set(data.user.id, data);
      drawDesk();
    }
  });
}
