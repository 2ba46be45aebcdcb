// What every tab has heard of its rooms: each event once and in order, and what cannot be caught up is fetched anew.

/** @typedef {{ ticket?: number | null, at: Map<string, number> }} Tab the ticket that it shows, and the last event of each room that it has */

const KEPT = 200;

export class Rooms {
  /** @type {Map<Listener, Tab>} */
  tabs = new Map();
  /** The last event of each room that came over the socket. @type {Map<string, number>} */
  #seen = new Map();
  /** Who has a ticket open. @type {Map<number, EventFrame>} */
  #viewers = new Map();
  /** The latest events, for a page that is a little older. @type {RoomEvent[]} */
  #recent = [];
  /** @type {string | undefined} */
  #epoch;

  /** @param {FromLine} message */
  tell(message) { for (const tab of this.tabs.keys()) tab.postMessage(message); }

  /** @param {Listener} listener */
  add(listener) {
    const isNew = !this.tabs.has(listener);
    if (isNew) this.tabs.set(listener, { at: new Map() });
    return isNew;
  }

  /**
   * A tab shows a page: it hears everything after what the page was rendered with.
   * Returns the ticket that nobody shows any more.
   * @param {Listener} listener
   * @param {PagePosition} page
   */
  show(listener, page) {
    const tab = this.tabs.get(listener);
    if (!tab) return null;
    const left = tab.ticket;
    this.#epoch ??= page.epoch;
    const isOurs = page.epoch === this.#epoch;
    tab.ticket = page.ticket;
    tab.at = new Map(Object.entries(page.rooms ?? {}));
    for (const [room, seq] of tab.at) {
      const seen = this.#seen.get(room) ?? (isOurs ? seq : Infinity);
      this.#seen.set(room, seen);
      const missed = this.#recent.filter((frame) => frame.room === room && frame.seq > seq);
      if (isOurs && missed.length >= seen - seq) for (const frame of missed) pass(listener, tab, frame);
      else anew(listener, tab, room, seen);
    }
    const viewers = tab.ticket && this.#viewers.get(tab.ticket);
    if (viewers) listener.postMessage({ frame: viewers });
    return left !== tab.ticket ? this.#leave(left) : null;
  }

  /**
   * The tab is no more. Returns the ticket that nobody shows any more.
   * @param {Listener} listener
   */
  drop(listener) {
    const tab = this.tabs.get(listener);
    this.tabs.delete(listener);
    return this.#leave(tab?.ticket);
  }

  /** @param {number | null} [ticket] */
  #leave(ticket) {
    if (!ticket || [...this.tabs.values()].some((tab) => tab.ticket === ticket)) return null;
    for (const room of [`ticket:${ticket}`, `ticket:${ticket}:staff`]) this.#seen.delete(room);
    this.#viewers.delete(ticket);
    return ticket;
  }

  /** An event came. @param {EventFrame} frame */
  take(frame) {
    const { room, seq, data } = frame;
    if (room === undefined || seq === undefined) {
      if (data.viewers) this.#viewers.set(data.ticket_id, frame);
      this.tell({ frame });
    } else if (!(seq <= (this.#seen.get(room) ?? -1))) {
      const event = { ...frame, room, seq };
      this.#seen.set(room, seq);
      this.#recent = [...this.#recent.slice(1 - KEPT), event];
      for (const [listener, tab] of this.tabs) pass(listener, tab, event);
    }
  }

  /**
   * The desk said where it stands. The first greeting does not know yet what was heard; the answers to our claims do.
   * @param {Greeting["data"]} said
   * @param {boolean} isFirst
   */
  greeted({ epoch, rooms }, isFirst) {
    if (this.#epoch !== epoch) {
      this.#seen.clear();
      this.#recent = [];
      this.#epoch = epoch;
      for (const { at } of this.tabs.values()) for (const room of at.keys()) at.set(room, Infinity);
    }
    for (const [room, { recovered, top, snapshot }] of Object.entries(rooms)) {
      if (!isFirst && !recovered && top !== undefined) {
        this.#seen.set(room, top);
        for (const [listener, tab] of this.tabs) anew(listener, tab, room, top);
      }
      if (snapshot) this.take({ event: "presence_update", data: { ticket_id: snapshot.ticket.id, viewers: snapshot.viewers } });
    }
  }

  /** Up to where each room was heard, for the desk to go on from there. */
  claims() {
    /** @type {Record<string, { seq: number }>} */
    const rooms = {};
    for (const { at } of [...this.tabs.values()].slice(-64)) {
      for (const room of at.keys()) rooms[room] = { seq: Math.min(this.#seen.get(room) ?? Infinity, Number.MAX_SAFE_INTEGER) };
    }
    return { rooms, epoch: this.#epoch };
  }
}

/**
 * @param {Listener} listener
 * @param {Tab} tab
 * @param {RoomEvent} frame
 */
function pass(listener, tab, frame) {
  const last = tab.at.get(frame.room);
  if (last === undefined || !(frame.seq > last)) return;
  tab.at.set(frame.room, frame.seq);
  listener.postMessage({ frame });
  if (frame.seq > last + 1) listener.postMessage({ resync: true });
}

/**
 * @param {Listener} listener
 * @param {Tab} tab
 * @param {string} room
 * @param {number} seq
 */
function anew(listener, tab, room, seq) {
  if (tab.at.get(room) === seq || !tab.at.has(room)) return;
  tab.at.set(room, seq);
  listener.postMessage({ resync: true });
}
