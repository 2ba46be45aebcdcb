// Files that wait for their turn: judged before a byte is sent, three at a time, tried again when that may help.

import { t } from "./words.js";

const AT_ONCE = 3, TRIES = 4, REST = 2000, LONGEST = 60_000;

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1 << 20) return `${Math.round(bytes / 1024)} KB`;
  return bytes < 1 << 30 ? `${(bytes / (1 << 20)).toFixed(1)} MB` : `${(bytes / (1 << 30)).toFixed(1)} GB`;
}

/**
 * Why a file will not be taken, or an empty text. Without the desk's rules everything is tried.
 * @param {{ name: string, size: number }} file
 * @param {FileLimits | null} rules
 * @param {number} others how many files the message has already
 */
export function judge(file, rules, others) {
  if (!rules) return "";
  const most = rules.max_files_per_message ?? Infinity;
  if (others >= most) return t("A message takes at most {most} files.", { most });
  const end = /\.([^.]+)$/.exec(file.name)?.[1].toLowerCase();
  if (!end) return t("A file needs an extension, so that we know what it is.");
  const kind = Object.values(rules.categories ?? {}).find((c) => c.types.some((type) => type.replace(/^\./, "") === end));
  if (!kind) return t("Files of type .{end} are not accepted.", { end });
  if (file.size === 0) return t("The file is empty.");
  const limit = Math.min(kind.max_size ?? Infinity, rules.max_size ?? Infinity);
  return file.size > limit ? t("The file is {size}; {limit} is the most.", { size: size(file.size), limit: size(limit) }) : "";
}

/**
 * Whether the same try may do better a little later: the network and the desk's own trouble pass, a full disk does not.
 * @param {number} status
 */
export const passes = (status) => status === 0 || status === 429 || (status >= 500 && status !== 507);

/** @template {Upload} R */
export class Queue {
  /** @type {R[]} */
  #rows = [];
  #send;
  #changed;

  /**
   * `send` starts a try; it ends in `done` or `fell`. `changed` hears of each row that became another.
   * @param {(row: R) => void} send
   * @param {(row: R) => void} changed
   */
  constructor(send, changed) {
    this.#send = send;
    this.#changed = changed;
  }

  get isBusy() { return this.#rows.some(isOnItsWay); }

  /**
   * The rows of one ticket: they outlive a visit to another.
   * @param {number | null} ticket
   */
  of(ticket) { return this.#rows.filter((row) => row.ticket === ticket); }

  /**
   * Take a file in, or only its row, when there is a reason why not.
   * @param {R} row
   * @param {string} [why]
   */
  add(row, why = "") {
    this.#rows.push(row);
    this.#set(row, why ? "refused" : "queued", why);
    this.pump();
  }

  /** Start what has its turn. */
  pump() {
    for (const row of this.#rows) {
      if (this.#rows.filter(({ state }) => state === "going").length >= AT_ONCE) return;
      if (row.state !== "queued" || row.resting) continue;
      row.tries += 1;
      this.#set(row, "going");
      this.#send(row);
    }
  }

  /**
   * @param {R} row
   * @param {{ id: string, size: number }} file
   */
  done(row, { id, size: bytes }) {
    if (row.state === "cancelled") return;
    row.id = id;
    row.size = bytes;
    this.#set(row, "done");
    this.pump();
  }

  /**
   * What may pass gets three more tries by itself; then the row waits for a person.
   * @param {R} row
   * @param {Trouble} trouble
   */
  fell(row, { why, passes: mayPass, rest }) {
    if (row.state === "cancelled") return;
    if (mayPass && row.tries < TRIES) {
      const pause = Math.min(LONGEST, (rest || REST) * 2 ** (row.tries - 1)) * (0.75 + Math.random() / 2);
      row.timer = setTimeout(() => this.#requeue(row), pause);
      row.resting = true;
      this.#set(row, "queued", why);
    } else this.#set(row, "failed", why);
    this.pump();
  }

  /** Somebody asks for another try, and for all that may follow. @param {R} row */
  retry(row) {
    row.tries = 0;
    this.#requeue(row);
  }

  /** @param {R} row */
  #requeue(row) {
    clearTimeout(row.timer);
    row.resting = false;
    this.#set(row, "queued");
    this.pump();
  }

  /** Give a file up, wherever it is; returns whether the desk has it. @param {R} row */
  cancel(row) {
    const wasDone = row.state === "done";
    clearTimeout(row.timer);
    this.#rows = this.#rows.filter((other) => other !== row);
    this.#set(row, "cancelled");
    row.request?.abort();
    this.pump();
    return wasDone;
  }

  /** These go with a message. @param {R[]} rows */
  remove(rows) { this.#rows = this.#rows.filter((row) => !rows.includes(row)); }

  /**
   * @param {R} row
   * @param {UploadState} state
   */
  #set(row, state, why = "") {
    row.state = state;
    row.why = why;
    this.#changed(row);
  }
}

/** @param {Upload} row */
export const isOnItsWay = ({ state }) => state === "queued" || state === "going";
