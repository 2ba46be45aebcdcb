// The socket: it comes back for ever, knows what it has heard in each room, and notices a line that is dead.

import { $, me } from "./dom.js";
import { call, toLogin } from "./api.js";

const HEARTBEAT = 25_000, PATIENCE = 8_000, SOON = 2_000, LONG = 10_000, FIRST = 500, LAST = 30_000;
const hub = new EventTarget();
const seen = new Map(); // room → the last seq that was heard
const waiting = new Map(); // command id → what to do with its reply
let epoch = null, socket = null, open = false, tries = 0, commands = 0, stopped = false;
let retryTimer = 0, beatTimer = 0, deadTimer = 0, soonTimer = 0, longTimer = 0, heardAt = 0;
let joined = null;

export const live = {
  get online() { return open; },
  on(event, handler) { hub.addEventListener(event, (e) => handler(e.detail)); },
  send, join, leave, retryNow,
};

// Take up what the page was rendered with: from there on nothing may be missed.
export function start() {
  adopt(readPage());
  connect();
  addEventListener("online", retryNow);
  addEventListener("offline", () => lost(socket));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (open) beat(); else retryNow();
  });
  document.addEventListener("submit", ({ target }) => { if (target.getAttribute("action") === "/logout") stopped = true; });
  addEventListener("pagehide", () => { stopped = true; socket?.close(1000); });
  addEventListener("pageshow", (event) => { if (event.persisted) { stopped = false; retryNow(); tell("resync"); } });
}

export function readPage(source = document.body) {
  try { return JSON.parse(source.dataset.live || "{}"); } catch { return {}; }
}

function adopt(page) {
  epoch ??= page.epoch ?? null;
  joined = page.ticket ?? null;
  for (const [room, seq] of Object.entries(page.rooms ?? {})) seen.set(room, Math.max(seq, seen.get(room) ?? 0));
}

function tell(event, detail) { hub.dispatchEvent(new CustomEvent(event, { detail })); }

function connect() {
  clearTimeout(retryTimer);
  retryTimer = 0;
  if (stopped || (socket && socket.readyState <= WebSocket.OPEN)) return;
  countDown();
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket = mine;
  mine.onmessage = ({ data }) => { if (mine === socket) hear(data); };
  mine.onclose = (event) => ended(mine, event);
  expectWord(mine);
}

// From the moment that the line is down: a word after two seconds, a bar after ten.
function countDown() {
  if (soonTimer) return;
  soonTimer = setTimeout(() => show("waiting"), SOON);
  longTimer = setTimeout(() => show("offline"), LONG);
}

function show(state) {
  const line = $("#line");
  if (line) {
    line.dataset.state = state;
    const text = { online: "Live", waiting: "Reconnecting…", offline: "Offline" }[state];
    const label = $(".text", line);
    label.textContent = text;
    label.classList.toggle("sr", state === "online");
    line.title = state === "online" ? "Live: changes appear by themselves" : text;
  }
  const bar = $("#offline");
  if (bar) bar.hidden = state !== "offline";
}

function expectWord(mine) {
  clearTimeout(deadTimer);
  deadTimer = setTimeout(() => lost(mine), PATIENCE);
}

function lost(mine) {
  if (!mine || mine !== socket) return;
  mine.onclose = mine.onmessage = null;
  mine.close();
  ended(mine, { code: 1006, reason: "" });
}

async function ended(mine, { code, reason }) {
  if (mine !== socket) return;
  const wasOpen = open;
  socket = null;
  open = false;
  clearTimeout(beatTimer);
  clearTimeout(deadTimer);
  for (const { reject } of waiting.values()) reject(new Error("The line broke."));
  waiting.clear();
  if (stopped) return;
  if (wasOpen) tell("down");
  countDown();
  if (code === 4501 || code === 4503) { toLogin(); return; }
  if (code === 4506) { location.reload(); return; }
  if (code >= 4500 && code <= 4999) { show("offline"); return; }
  if (!wasOpen && tries % 4 === 1) await stillLoggedIn();
  retryTimer = setTimeout(connect, pause(code, reason));
}

function pause(code, reason) {
  if (code === 1012) {
    try { return JSON.parse(reason).retry_ms ?? FIRST; } catch { /* no advice */ }
  }
  const most = Math.min(LAST, 2 * FIRST * 2 ** tries++);
  return FIRST + Math.random() * (most - FIRST);
}

async function stillLoggedIn() {
  try { await call("GET", "/api/auth/me"); } catch { /* a 401 has sent us to the log-in */ }
}

function retryNow() {
  if (open || stopped) return;
  tries = 0;
  if (socket?.readyState === WebSocket.CONNECTING && performance.now() - heardAt > PATIENCE) lost(socket);
  connect();
}

function hear(text) {
  heardAt = performance.now();
  clearTimeout(deadTimer);
  const frames = JSON.parse(text);
  for (const frame of Array.isArray(frames) ? frames : [frames]) take(frame);
}

function take(frame) {
  if ("reply_to" in frame) {
    const asked = waiting.get(frame.reply_to);
    waiting.delete(frame.reply_to);
    if (frame.ok) asked?.resolve(frame.data); else asked?.reject(Object.assign(new Error(frame.error?.message), frame.error));
  } else if (frame.event === "connected") {
    greeted(frame.data ?? {});
  } else if (isNews(frame)) {
    tell(frame.event, frame.data);
    tell("any", frame);
  }
}

// Each event of a room counts once; a hole means that something has to be fetched anew.
function isNews({ room, seq }) {
  if (seq === undefined || room === undefined) return true;
  const last = seen.get(room);
  if (last !== undefined && seq <= last) return false;
  seen.set(room, seq);
  if (last !== undefined && seq > last + 1) tell("resync");
  return true;
}

function greeted(data) {
  const first = !open;
  if (epoch && data.epoch && data.epoch !== epoch) {
    seen.clear();
    tell("resync");
  }
  epoch = data.epoch ?? epoch;
  if (first) {
    open = true;
    tries = 0;
    clearTimeout(soonTimer);
    clearTimeout(longTimer);
    soonTimer = longTimer = 0;
    show("online");
    beat();
  }
  for (const [room, { recovered, top } = {}] of Object.entries(data.rooms ?? {})) {
    if (recovered === false && top !== undefined && top !== seen.get(room)) {
      seen.set(room, top);
      tell("resync");
    }
  }
  if (data.presence) tell("presence", data.presence);
  if (first) tell("up");
}

// Heartbeat and position check in one; whoever does not answer is gone.
function beat() {
  clearTimeout(beatTimer);
  if (!open) return;
  const rooms = {};
  for (const [room, seq] of seen) if (isOurs(room)) rooms[room] = { seq };
  say({ event: "connect", data: { rooms, epoch, batch: true } });
  expectWord(socket);
  beatTimer = setTimeout(beat, HEARTBEAT);
}

function isOurs(room) {
  if (room === "desk") return me.isStaff;
  if (room.startsWith("user:")) return room === `user:${me.id}`;
  return joined !== null && (room === `ticket:${joined}` || (me.isStaff && room === `ticket:${joined}:staff`));
}

function say(frame) { socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame)); }

function send(event, data) {
  return new Promise((resolve, reject) => {
    if (!open) { reject(new Error("There is no line.")); return; }
    const id = `c${++commands}`;
    waiting.set(id, { resolve, reject });
    say({ event, id, data });
  });
}

async function join(page) {
  const left = joined;
  adopt(page);
  if (left && left !== joined) leave(left);
  if (!joined || !open || left === joined) return;
  const rooms = {};
  for (const [room, seq] of seen) if (room.startsWith("ticket:") && isOurs(room)) rooms[room] = { seq };
  try {
    const answer = await send("join_ticket", { ticket_id: joined, rooms, epoch });
    if (answer.snapshot?.viewers) tell("presence_update", { ticket_id: joined, viewers: answer.snapshot.viewers });
    for (const [room, { recovered, seq }] of Object.entries(answer.rooms ?? {})) {
      if (!recovered) { seen.set(room, seq); tell("resync"); }
    }
  } catch { /* the next greeting joins it */ }
}

function leave(ticket) {
  for (const room of [...seen.keys()]) if (room === `ticket:${ticket}` || room === `ticket:${ticket}:staff`) seen.delete(room);
  send("leave_ticket", { ticket_id: ticket }).catch(() => {});
}
