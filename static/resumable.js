// Large files on their way, by the tus protocol: a line that breaks costs only what was on it.

import { the } from "./dom.js";
import { headers, parsed } from "./api.js";
import { t } from "./words.js";

const REST = 1000, LONGEST = 30_000, STALLED = 20_000, TRIES = 4;

/** A try that did not get through. */
class Broken extends Error {
  /**
   * @param {number} status
   * @param {string} why
   */
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

/**
 * Goes on by itself for as long as it takes, unless the desk refuses the file or the row is cancelled.
 * @param {UploadRow} row
 * @param {string} endpoint
 * @param {(file: { id: string, size: number }) => void} done
 * @param {(why: string) => void} fell
 */
export async function send(row, endpoint, done, fell) {
  const bar = the("progress", row.box), why = the(".why", row.box);
  let breaks = 0, offset = 0;
  const shown = (/** @type {number} */ loaded) => { bar.value = (loaded / row.file.size) * 100; };
  row.request = { abort: () => giveUp(row) };
  while (row.state === "going") {
    try {
      // GET where HEAD would do: a refusal then has words.
      let answer = await (row.address ? ask(row, "GET", row.address) : begin(row, endpoint));
      const there = Number(answer.getResponseHeader("Upload-Offset"));
      if (there > offset) breaks = 0;
      offset = there;
      shown(offset);
      why.textContent = "";
      if (!fileOf(answer) && row.address) {
        const more = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
        answer = await ask(row, "PATCH", row.address, more, row.file.slice(offset), (loaded) => shown(offset + loaded));
      }
      const id = fileOf(answer);
      if (!id) throw new Broken(0, "");
      row.address = null;
      done({ id, size: row.file.size });
    } catch (trouble) {
      if (row.state !== "going") return;
      const broken = trouble instanceof Broken ? trouble : new Broken(400, String(trouble));
      if (!mayPass(row, broken.status, breaks)) { fell(broken.message); return; }
      why.textContent = navigator.onLine ? t("The line broke. Going on…") : t("Waiting for the network…");
      await rest(row, breaks++);
    }
  }
}

/**
 * @param {UploadRow} row
 * @param {string} endpoint
 */
async function begin(row, endpoint) {
  const said = { filename: row.file.name, ticket_id: String(row.ticket), ...(row.internal && { is_internal: "true" }) };
  const metadata = Object.entries(said).map(([name, value]) => `${name} ${base64(value)}`).join();
  const answer = await ask(row, "POST", endpoint, { "Upload-Length": String(row.file.size), "Upload-Metadata": metadata });
  row.address = answer.getResponseHeader("Location");
  if (row.state !== "going") giveUp(row);
  return answer;
}

/** @param {string} value */
const base64 = (value) => btoa(String.fromCharCode(...new TextEncoder().encode(value)));

/** @param {XMLHttpRequest} answer */
const fileOf = (answer) => answer.getResponseHeader("Content-Location")?.split("/").pop();

/**
 * The network comes back some day; the desk has a few tries to mend itself; an upload that is gone begins anew.
 * @param {UploadRow} row
 * @param {number} status
 * @param {number} breaks
 */
function mayPass(row, status, breaks) {
  if (status === 0) return true;
  const had = row.address, gone = [404, 413, 415, 422].includes(status);
  if (gone) row.address = null;
  return breaks < TRIES && ((had && [404, 409].includes(status)) || [408, 429].includes(status) || (status >= 500 && status !== 507));
}

/**
 * @param {{ going?: XMLHttpRequest }} row
 * @param {string} method
 * @param {string} address
 * @param {Record<string, string>} [more]
 * @param {Blob} [body]
 * @param {(loaded: number) => void} [onprogress]
 * @returns {Promise<XMLHttpRequest>}
 */
function ask(row, method, address, more, body, onprogress) {
  return new Promise((resolve, reject) => {
    const request = row.going = new XMLHttpRequest();
    let timer = 0;
    // A line that died without a word is found out by its silence.
    const alive = () => { clearTimeout(timer); timer = setTimeout(() => request.abort(), STALLED); };
    if (body) request.upload.onprogress = ({ loaded }) => { alive(); onprogress?.(loaded); };
    request.onloadend = () => {
      clearTimeout(timer);
      const { status } = request;
      if (status >= 200 && status < 300) resolve(request);
      else reject(new Broken(status, parsed(request.responseText)?.detail ?? t("The desk answered {status}.", { status })));
    };
    request.open(method, address);
    for (const [name, value] of Object.entries(headers({ "Tus-Resumable": "1.0.0", ...more }))) request.setRequestHeader(name, value);
    request.send(body);
    alive();
  });
}

/**
 * At once when the network says that it is back, else after a while: longer each time, and never all at one moment.
 * @param {UploadRow} row
 * @param {number} breaks
 */
async function rest(row, breaks) {
  const going = new AbortController();
  await new Promise((wake) => {
    row.wake = () => wake(null);
    addEventListener("online", wake, { signal: going.signal });
    setTimeout(wake, Math.min(LONGEST, REST * 2 ** breaks) * (0.5 + Math.random() / 2));
  });
  going.abort();
}

/** @param {UploadRow} row */
function giveUp(row) {
  row.going?.abort();
  row.wake?.();
  // Nobody waits for it: what is left behind at the desk goes by itself after a day.
  if (row.address) ask({}, "DELETE", row.address).catch(() => {});
  row.address = null;
}
