// Large files on their way, by the tus protocol: a line that breaks costs only what was on it.

import { $ } from "./dom.js";
import { csrf } from "./api.js";

const REST = 1000, LONGEST = 30_000, STALLED = 20_000, TRIES = 4;

// Goes on by itself for as long as it takes, unless the desk refuses the file or the row is cancelled.
export async function send(row, endpoint, done, fell) {
  const bar = $("progress", row.box), why = $(".why", row.box);
  let breaks = 0, offset = 0;
  const shown = (loaded) => { bar.value = (loaded / row.file.size) * 100; };
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
      if (!fileOf(answer)) {
        const headers = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
        answer = await ask(row, "PATCH", row.address, headers, row.file.slice(offset), (loaded) => shown(offset + loaded));
      }
      if (!fileOf(answer)) throw { status: 0 };
      row.address = null;
      done(row, { id: fileOf(answer), size: row.file.size });
    } catch (trouble) {
      if (row.state !== "going") return;
      if (!mayPass(row, trouble, breaks)) { fell(row, trouble.why, false); return; }
      why.textContent = navigator.onLine ? "The line broke. Going on…" : "Waiting for the network…";
      await rest(row, breaks++);
    }
  }
}

async function begin(row, endpoint) {
  const said = { filename: row.file.name, ticket_id: row.ticket, ...(row.internal && { is_internal: "true" }) };
  const metadata = Object.entries(said).map(([name, value]) => `${name} ${base64(value)}`).join();
  const answer = await ask(row, "POST", endpoint, { "Upload-Length": row.file.size, "Upload-Metadata": metadata });
  row.address = answer.getResponseHeader("Location");
  if (row.state !== "going") giveUp(row);
  return answer;
}

const base64 = (value) => btoa(String.fromCharCode(...new TextEncoder().encode(value)));
const fileOf = (answer) => answer.getResponseHeader("Content-Location")?.split("/").pop();

// The network comes back some day; the desk has a few tries to mend itself; an upload that is gone begins anew.
function mayPass(row, { status }, breaks) {
  if (status === 0) return true;
  const had = row.address, gone = [404, 413, 415, 422].includes(status);
  if (gone) row.address = null;
  return breaks < TRIES && ((had && [404, 409].includes(status)) || [408, 429].includes(status) || (status >= 500 && status !== 507));
}

function ask(row, method, address, headers = {}, body = null, onprogress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = row.going = new XMLHttpRequest();
    let timer;
    // A line that died without a word is found out by its silence.
    const alive = () => { clearTimeout(timer); timer = setTimeout(() => request.abort(), STALLED); };
    if (body) request.upload.onprogress = ({ loaded }) => { alive(); onprogress(loaded); };
    request.onloadend = () => {
      clearTimeout(timer);
      if (request.status >= 200 && request.status < 300) resolve(request);
      else reject({ status: request.status, why: words(request) });
    };
    request.open(method, address);
    const all = { Accept: "application/json", "Tus-Resumable": "1.0.0", "X-CSRF-Token": csrf(), ...headers };
    for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value);
    request.send(body);
    alive();
  });
}

function words(request) {
  try { return JSON.parse(request.responseText).detail; } catch { return `The desk answered ${request.status}.`; }
}

// At once when the network says that it is back, else after a while: longer each time, and never all at one moment.
async function rest(row, breaks) {
  const going = new AbortController();
  await new Promise((wake) => {
    row.wake = wake;
    addEventListener("online", wake, { signal: going.signal });
    setTimeout(wake, Math.min(LONGEST, REST * 2 ** breaks) * (0.5 + Math.random() / 2));
  });
  going.abort();
}

function giveUp(row) {
  row.going?.abort();
  row.wake?.();
  if (row.address) ask({}, "DELETE", row.address).catch(() => {});
  row.address = null;
}
