// What the tab hears from the line, and what it tells it.

import { $, me, on, the } from "./dom.js";
import { toLogin } from "./api.js";
import { t } from "./words.js";

/** @typedef {"online" | "waiting" | "offline"} Connection */

const SOON = 2_000, LONG = 10_000, TOUCHED = 20_000, ANSWER = 3_000;
const hub = new EventTarget();
/** What to do with the reply to a command. @type {Map<number | undefined, { resolve: (data: unknown) => void, reject: (error: Error) => void }>} */
const waiting = new Map();
let open = false, commands = 0, stopped = false, lock = "", soonTimer = 0, longTimer = 0, touchedAt = 0;
/** @type {MessagePort | null} */
let port = null;

export const live = {
  get online() { return open; },
  /**
   * @template {keyof LiveEvents} E
   * @param {E} event
   * @param {(data: LiveEvents[E]) => void} handler
   */
  on(event, handler) { hub.addEventListener(event, (e) => { if (e instanceof CustomEvent) handler(e.detail); }); },
  /** Tell the line which page is shown. @param {PagePosition} page */
  join(page) { post({ do: "page", page }); },
  send, retryNow,
};

export function start() {
  countDown();
  dial();
  addEventListener("online", retryNow);
  on("click", "[data-do=retry-now]", retryNow);
  addEventListener("offline", () => post({ do: "lost" }));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) post({ do: "look" }); });
  on("submit", "[action='/logout']", () => { stopped = true; });
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, touch, { passive: true });
  addEventListener("pagehide", () => { stopped = true; post({ do: "bye" }); });
  addEventListener("pageshow", (event) => { if (event.persisted) { stopped = false; hello(); tell("resync"); } });
}

/** @returns {PagePosition} */
export function readPage() {
  try { return JSON.parse(document.body.dataset.live || "{}"); } catch { return {}; }
}

/**
 * @param {string} event
 * @param {unknown} [detail]
 */
function tell(event, detail) { hub.dispatchEvent(new CustomEvent(event, { detail })); }

/** @param {ToLine} message */
function post(message) { port?.postMessage(message); }

function retryNow() { post({ do: "retry" }); }

// One worker for each person, so that nobody speaks through another's socket.
function dial() {
  if (!globalThis.SharedWorker) { own(); return; }
  const worker = new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name: `desk ${me.id}` });
  const late = setTimeout(own, ANSWER);
  worker.onerror = () => { clearTimeout(late); own(); };
  use(worker.port, () => clearTimeout(late));
  if (!navigator.locks) { hello(); return; }
  lock = `tab ${Math.random()}`;
  navigator.locks.request(lock, () => { hello(); return new Promise(() => {}); });
}

async function own() {
  const { serve } = await import("./line.js");
  const { port1, port2 } = new MessageChannel();
  lock = "";
  post({ do: "bye" });
  serve(port1);
  use(port2);
  hello();
}

/**
 * @param {MessagePort} mine
 * @param {() => void} [answered]
 */
function use(mine, answered) {
  port = mine;
  mine.onmessage = ({ data }) => {
    answered?.();
    if (mine === port && !stopped) heard(data);
  };
}

function hello() { post({ do: "hello", page: readPage(), lock }); }

function touch() {
  if (performance.now() - touchedAt < TOUCHED) return;
  touchedAt = performance.now();
  post({ do: "touch" });
}

/** @param {FromLine} said */
function heard({ frame, reply, data, error, resync, up, down }) {
  const asked = waiting.get(reply);
  waiting.delete(reply);
  if (error) asked?.reject(Object.assign(new Error(error.message), error)); else asked?.resolve(data);
  if (frame?.event === "connected") {
    if (frame.data.user.id !== me.id) { location.reload(); return; }
    tell("presence", frame.data.presence);
  } else if (frame) tell(frame.event, frame.data);
  if (resync) tell("resync");
  if (down) lost(down);
  if (up && !open) {
    open = true;
    clearTimeout(soonTimer);
    clearTimeout(longTimer);
    soonTimer = 0;
    show("online");
    tell("up");
  }
}

/** @param {number} code */
function lost(code) {
  for (const { reject } of waiting.values()) reject(new Error("The line broke."));
  waiting.clear();
  if (open) tell("down");
  open = false;
  countDown();
  if (code === 4501 || code === 4503) toLogin();
  else if (code === 4506) location.reload();
  else if (code >= 4500 && code <= 4999) show("offline");
}

// From the moment that the line is down: a word after two seconds, a bar after ten.
function countDown() {
  if (soonTimer) return;
  soonTimer = setTimeout(() => show("waiting"), SOON);
  longTimer = setTimeout(() => show("offline"), LONG);
}

/** @param {Connection} state */
function show(state) {
  const line = $("#line");
  if (line) {
    line.dataset.state = state;
    const text = { online: t("Live"), waiting: t("Reconnecting…"), offline: t("Offline") }[state];
    const label = the(".text", line);
    label.textContent = text;
    label.classList.toggle("sr", state === "online");
    line.title = state === "online" ? t("Live: changes appear by themselves") : text;
  }
  const bar = $("#offline");
  if (bar) bar.hidden = state !== "offline";
}

/**
 * @param {string} event
 * @param {unknown} data
 * @returns {Promise<unknown>}
 */
function send(event, data) {
  return new Promise((resolve, reject) => {
    if (!open) { reject(new Error("There is no line.")); return; }
    waiting.set(++commands, { resolve, reject });
    post({ do: "send", id: commands, event, data });
  });
}
