// The line: one socket for all tabs of a browser. It runs in a shared worker, or in the tab itself where there is none.
// It comes back for ever, tells each tab every event once and in order, and notices a socket that is dead.

const HEARTBEAT = 25_000, PATIENCE = 8_000, FIRST = 500, LAST = 30_000, KEPT = 200;
const tabs = new Map(); // port → the ticket that it shows, and the last event of each room that it has
const seen = new Map(); // room → the last event that came over the socket
const viewers = new Map(); // ticket → who has it open
const waiting = new Map(); // command → the tab that asked, and its name for it
let recent = []; // the latest events, for a page that is a little older
let epoch, socket = null, open = false, over = false, tries = 0, commands = 0;
let retryTimer, beatTimer, deadTimer, heardAt = 0, touchedAt = 0;

const does = {
  hello(port, { page, lock }) {
    if (!tabs.has(port)) {
      tabs.set(port, {});
      if (lock) navigator.locks.request(lock, () => drop(port)); // ours when the tab is no more
    }
    over = false;
    touchedAt = performance.now();
    port.postMessage({ hi: true, up: open });
    show(port, page);
    connect();
  },
  page(port, { page }) { show(port, page); },
  send(port, { id, event, data }) {
    waiting.set(++commands, { port, id });
    say({ event, id: commands, data });
  },
  look() { if (open) beat(); else retry(); },
  retry,
  lost() { lost(socket); },
  touch() {
    const idle = isIdle();
    touchedAt = performance.now();
    if (idle && open) beat();
  },
  bye: drop,
};

export function serve(port) { port.onmessage = ({ data }) => does[data.do](port, data); }

const isIdle = () => performance.now() - touchedAt > HEARTBEAT;
const tell = (message) => { for (const port of tabs.keys()) port.postMessage(message); };

// A tab shows a page: it hears everything after what the page was rendered with.
function show(port, page) {
  const tab = tabs.get(port), left = tab?.ticket;
  if (!tab) return;
  epoch ??= page.epoch;
  tab.ticket = page.ticket;
  tab.at = new Map(Object.entries(page.rooms));
  for (const [room, seq] of tab.at) {
    if (!seen.has(room)) seen.set(room, page.epoch === epoch ? seq : Infinity);
    const missed = recent.filter((frame) => frame.room === room && frame.seq > seq);
    if (page.epoch === epoch && missed.length >= seen.get(room) - seq) missed.forEach((frame) => pass(port, tab, frame));
    else anew(port, tab, room, seen.get(room));
  }
  if (left !== tab.ticket) leave(left);
  if (viewers.has(tab.ticket)) port.postMessage({ frame: viewers.get(tab.ticket) });
  if (open) beat();
}

function pass(port, tab, frame) {
  const last = tab.at.get(frame.room);
  if (!(frame.seq > last)) return;
  tab.at.set(frame.room, frame.seq);
  port.postMessage({ frame });
  if (frame.seq > last + 1) port.postMessage({ resync: true });
}

function anew(port, tab, room, seq) {
  if (tab.at.get(room) === seq || !tab.at.has(room)) return;
  tab.at.set(room, seq);
  port.postMessage({ resync: true });
}

function leave(ticket) {
  if (!ticket || [...tabs.values()].some((tab) => tab.ticket === ticket)) return;
  for (const room of [`ticket:${ticket}`, `ticket:${ticket}:staff`]) seen.delete(room);
  viewers.delete(ticket);
  say({ event: "leave_ticket", data: { ticket_id: ticket } });
}

function drop(port) {
  const tab = tabs.get(port);
  if (!tabs.delete(port)) return;
  leave(tab.ticket);
  if (tabs.size) return;
  over = true;
  clearTimeout(retryTimer);
  socket?.close(1000);
}

function connect() {
  clearTimeout(retryTimer);
  if (over || socket?.readyState <= WebSocket.OPEN) return;
  const mine = socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
  mine.onmessage = ({ data }) => { if (mine === socket) hear(data); };
  mine.onclose = (event) => ended(mine, event);
  expectWord(mine);
}

function expectWord(mine) {
  clearTimeout(deadTimer);
  deadTimer = setTimeout(lost, PATIENCE, mine);
}

function lost(mine) {
  if (!mine || mine !== socket) return;
  mine.onclose = mine.onmessage = null;
  mine.close();
  ended(mine, { code: 1006 });
}

async function ended(mine, { code, reason }) {
  if (mine !== socket) return;
  const wasOpen = open;
  socket = null;
  open = false;
  clearTimeout(beatTimer);
  clearTimeout(deadTimer);
  waiting.clear();
  over ||= code >= 4500 && code <= 4999;
  tell({ down: code });
  if (!wasOpen && tries % 4 === 1 && await isLoggedOut()) { over = true; tell({ down: 4501 }); }
  if (!over && !socket) retryTimer = setTimeout(connect, pause(code, reason));
}

function pause(code, reason) {
  if (code === 1012) {
    try { return JSON.parse(reason).retry_ms ?? FIRST; } catch { /* no advice */ }
  }
  return Math.random() * Math.min(LAST, 2 * FIRST * 2 ** tries++);
}

const isLoggedOut = () => fetch("/api/auth/me").then(({ status }) => status === 401, () => false);

function retry() {
  if (open) return;
  over = false;
  tries = 0;
  if (socket?.readyState === WebSocket.CONNECTING && performance.now() - heardAt > PATIENCE) lost(socket);
  connect();
}

function hear(text) {
  heardAt = performance.now();
  clearTimeout(deadTimer);
  for (const frame of [JSON.parse(text)].flat()) take(frame);
}

function take(frame) {
  const { event, room, seq, data } = frame;
  if ("reply_to" in frame) {
    const asked = waiting.get(frame.reply_to);
    waiting.delete(frame.reply_to);
    asked?.port.postMessage({ reply: asked.id, data, error: frame.error });
  } else if (event === "connected") {
    greeted(frame);
  } else if (!room) {
    if (data.viewers) viewers.set(data.ticket_id, frame);
    tell({ frame });
  } else if (!(seq <= seen.get(room))) {
    seen.set(room, seq);
    recent = [...recent.slice(1 - KEPT), frame];
    for (const [port, tab] of tabs) pass(port, tab, frame);
  }
}

// The first greeting does not know yet what was heard; the answers to our claims do.
function greeted(frame) {
  const first = !open, { data } = frame;
  if (epoch !== data.epoch) {
    seen.clear();
    recent = [];
    epoch = data.epoch;
    for (const { at } of tabs.values()) for (const room of at.keys()) at.set(room, Infinity);
  }
  for (const [room, { recovered, top, snapshot }] of Object.entries(data.rooms)) {
    if (!first && !recovered && top !== undefined) {
      seen.set(room, top);
      for (const [port, tab] of tabs) anew(port, tab, room, top);
    }
    if (snapshot) take({ event: "presence_update", data: { ticket_id: snapshot.ticket.id, viewers: snapshot.viewers } });
  }
  open = true;
  tell({ frame, up: true });
  if (!first) return;
  tries = 0;
  beat();
}

// Heartbeat, position check, resume and join in one; whoever does not answer is gone.
function beat() {
  clearTimeout(beatTimer);
  const rooms = {};
  for (const { at } of [...tabs.values()].slice(-64)) for (const room of at.keys()) rooms[room] = { seq: Math.min(seen.get(room) ?? Infinity, Number.MAX_SAFE_INTEGER) };
  say({ event: "connect", data: { rooms, epoch, batch: true, idle: isIdle() } });
  expectWord(socket);
  beatTimer = setTimeout(beat, HEARTBEAT);
}

function say(frame) { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame)); }
