// The line: one socket for all tabs of a browser. It runs in a shared worker, or in the tab itself where there is none.
// It comes back for ever, tells each tab every event once and in order, and notices a socket that is dead.

import { advised, backOff } from "./pauses.js";
import { Rooms } from "./rooms.js";

const HEARTBEAT = 25_000, PATIENCE = 8_000;
const rooms = new Rooms();
/** The tab that asked, and its name for the command. @type {Map<number | null, { port: Listener, id: number }>} */
const waiting = new Map();
/** @type {WebSocket | null} */
let socket = null;
let open = false, over = false, tries = 0, commands = 0;
let retryTimer = 0, beatTimer = 0, deadTimer = 0, heardAt = 0, touchedAt = 0;

/** @param {MessagePort} port */
export function serve(port) { port.onmessage = ({ data }) => obey(port, data); }

/**
 * @param {Listener} port
 * @param {ToLine} asked
 */
function obey(port, asked) {
  switch (asked.do) {
    case "hello": hello(port, asked); break;
    case "page": show(port, asked.page); break;
    case "send":
      waiting.set(++commands, { port, id: asked.id });
      say({ event: asked.event, id: commands, data: asked.data });
      break;
    case "look": if (open) beat(); else retry(); break;
    case "retry": retry(); break;
    case "lost": lost(socket); break;
    case "touch": touched(); break;
    case "bye": drop(port); break;
  }
}

/**
 * @param {Listener} port
 * @param {{ page: PagePosition, lock?: string }} tab
 */
function hello(port, { page, lock }) {
  // Ours when the tab is no more.
  if (rooms.add(port) && lock) navigator.locks.request(lock, () => drop(port));
  over = false;
  touchedAt = performance.now();
  port.postMessage({ hi: true, up: open });
  show(port, page);
  connect();
}

const isIdle = () => performance.now() - touchedAt > HEARTBEAT;

function touched() {
  const idle = isIdle();
  touchedAt = performance.now();
  if (idle && open) beat();
}

/**
 * @param {Listener} port
 * @param {PagePosition} page
 */
function show(port, page) {
  leave(rooms.show(port, page));
  if (open) beat();
}

/** @param {number | null} ticket */
function leave(ticket) { if (ticket) say({ event: "leave_ticket", data: { ticket_id: ticket } }); }

/** @param {Listener} port */
function drop(port) {
  if (!rooms.tabs.has(port)) return;
  leave(rooms.drop(port));
  if (rooms.tabs.size) return;
  over = true;
  clearTimeout(retryTimer);
  socket?.close(1000);
}

function connect() {
  clearTimeout(retryTimer);
  if (over || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const mine = socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
  mine.onmessage = ({ data }) => { if (mine === socket) hear(data); };
  mine.onclose = ({ code, reason }) => ended(mine, code, reason);
  expectWord(mine);
}

/** @param {WebSocket | null} mine */
function expectWord(mine) {
  clearTimeout(deadTimer);
  deadTimer = setTimeout(() => lost(mine), PATIENCE);
}

/** @param {WebSocket | null} mine */
function lost(mine) {
  if (!mine || mine !== socket) return;
  mine.onclose = mine.onmessage = null;
  mine.close();
  ended(mine, 1006);
}

/**
 * @param {WebSocket} mine
 * @param {number} code
 * @param {string} [reason]
 */
async function ended(mine, code, reason) {
  if (mine !== socket) return;
  const wasOpen = open;
  socket = null;
  open = false;
  clearTimeout(beatTimer);
  clearTimeout(deadTimer);
  waiting.clear();
  over ||= code >= 4500 && code <= 4999;
  rooms.tell({ down: code });
  if (!wasOpen && tries % 4 === 1 && await isLoggedOut()) { over = true; rooms.tell({ down: 4501 }); }
  if (!over && !socket) retryTimer = setTimeout(connect, advised(code, reason) ?? backOff(tries++));
}

const isLoggedOut = () => fetch("/api/auth/me").then(({ status }) => status === 401, () => false);

function retry() {
  if (open) return;
  over = false;
  tries = 0;
  if (socket?.readyState === WebSocket.CONNECTING && performance.now() - heardAt > PATIENCE) lost(socket);
  connect();
}

/** @param {string} text */
function hear(text) {
  heardAt = performance.now();
  clearTimeout(deadTimer);
  for (const frame of [JSON.parse(text)].flat()) take(frame);
}

/** @param {EventFrame | ReplyFrame | Greeting} frame */
function take(frame) {
  if ("reply_to" in frame) {
    const asked = waiting.get(frame.reply_to);
    waiting.delete(frame.reply_to);
    asked?.port.postMessage({ reply: asked.id, data: frame.data, error: frame.error });
  } else if (frame.event === "connected") greeted(frame);
  else rooms.take(frame);
}

/** @param {EventFrame | Greeting} frame */
function greeted(frame) {
  const isFirst = !open;
  rooms.greeted(frame.data, isFirst);
  open = true;
  rooms.tell({ frame, up: true });
  if (!isFirst) return;
  tries = 0;
  beat();
}

// Heartbeat, position check, resume and join in one; whoever does not answer is gone.
function beat() {
  clearTimeout(beatTimer);
  say({ event: "connect", data: { ...rooms.claims(), batch: true, idle: isIdle() } });
  expectWord(socket);
  beatTimer = setTimeout(beat, HEARTBEAT);
}

/** @param {{ event: string, id?: number, data: unknown }} frame */
function say(frame) { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame)); }
