import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./page.js";

const { Queue, judge, passes, size } = await load("queue.js");

const MB = 1 << 20;
const RULES = {
  max_size: 25 * MB,
  max_files_per_message: 10,
  categories: { image: { types: [".png", ".jpg"], max_size: 10 * MB }, document: { types: [".pdf", ".txt"], max_size: 25 * MB } },
};
const LINE = { why: "The line broke.", passes: true };

const aFile = (name = "a.txt", bytes = 10) => ({ name, size: bytes });
const aRow = (file = aFile(), ticket = 1) => ({ file, ticket, internal: false, state: "queued", tries: 0, resting: false, why: "", id: "", size: file.size });

/** A queue whose tries are ended by hand. */
function aQueue(...rows) {
  const sent = [], queue = new Queue((row) => sent.push(row), () => {});
  for (const row of rows) queue.add(row);
  return { queue, sent };
}

test("three files go at once, the next when one is there", () => {
  const rows = Array.from({ length: 5 }, () => aRow()), { queue, sent } = aQueue(...rows);
  assert.deepEqual(rows.map((row) => row.state), ["going", "going", "going", "queued", "queued"]);

  queue.done(rows[1], { id: "f1", size: 10 });

  assert.deepEqual(rows.map((row) => row.state), ["going", "done", "going", "going", "queued"]);
  assert.equal(sent.length, 4);
  assert.equal(rows[1].id, "f1");
});

test("a file that fell is tried three more times by itself, each later than the last", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(Math, "random", () => 0.5);
  const row = aRow(), { queue, sent } = aQueue(row);

  for (const pause of [2000, 4000, 8000]) {
    queue.fell(row, LINE);
    assert.deepEqual([row.state, row.resting, row.why], ["queued", true, LINE.why]);
    context.mock.timers.tick(pause - 1);
    assert.equal(row.state, "queued");
    context.mock.timers.tick(1);
    assert.deepEqual([row.state, row.resting], ["going", false]);
  }
  queue.fell(row, LINE);
  context.mock.timers.tick(3_600_000);

  assert.deepEqual([row.state, row.why, sent.length], ["failed", LINE.why, 4]);
});

test("the desk may say how long to wait, though not for ever", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(Math, "random", () => 0.5);
  const [row, other] = [aRow(), aRow()], { queue } = aQueue(row, other);

  queue.fell(row, { ...LINE, rest: 7000 });
  queue.fell(other, { ...LINE, rest: 86_400_000 });

  context.mock.timers.tick(6999);
  assert.equal(row.state, "queued");
  context.mock.timers.tick(1);
  assert.deepEqual([row.state, other.state], ["going", "queued"]);
  context.mock.timers.tick(53_000);
  assert.equal(other.state, "going");
});

test("what the desk refused is not sent again by itself", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const row = aRow(), { queue, sent } = aQueue(row);

  queue.fell(row, { why: "The file has a virus.", passes: false });
  context.mock.timers.tick(3_600_000);

  assert.deepEqual([row.state, sent.length], ["failed", 1]);
});

test("Retry gives a failed file all its tries again", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const row = aRow(), { queue, sent } = aQueue(row);
  queue.fell(row, { why: "No.", passes: false });

  queue.retry(row);

  assert.deepEqual([row.state, row.tries, row.why, sent.length], ["going", 1, "", 2]);
});

test("a file that rests leaves its place to others", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const rows = Array.from({ length: 4 }, () => aRow()), { queue } = aQueue(...rows);

  queue.fell(rows[0], LINE);

  assert.deepEqual(rows.map((row) => row.state), ["queued", "going", "going", "going"]);
});

test("a cancelled file is stopped, forgotten, and what comes of it later changes nothing", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const rows = Array.from({ length: 4 }, () => aRow()), { queue, sent } = aQueue(...rows);
  let aborted = 0;
  rows[0].request = { abort: () => { aborted += 1; } };

  assert.equal(queue.cancel(rows[0]), false);
  queue.fell(rows[0], LINE);
  queue.done(rows[0], { id: "late", size: 1 });
  context.mock.timers.tick(3_600_000);

  assert.equal(aborted, 1);
  assert.deepEqual([rows[0].state, rows[0].id], ["cancelled", ""]);
  assert.deepEqual(queue.of(1), rows.slice(1));
  assert.equal(sent.length, 4);
});

test("a file that rests can be cancelled before its next try", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const row = aRow(), { queue, sent } = aQueue(row);
  queue.fell(row, LINE);

  queue.cancel(row);
  context.mock.timers.tick(3_600_000);

  assert.deepEqual([row.state, sent.length, queue.isBusy], ["cancelled", 1, false]);
});

test("whoever cancels a file that has arrived hears that the desk has it", () => {
  const row = aRow(), { queue } = aQueue(row);
  queue.done(row, { id: "f1", size: 10 });

  assert.equal(queue.cancel(row), true);
});

test("two files of the same name stay two rows", () => {
  const [one, two] = [aRow(aFile("scan.png", 1)), aRow(aFile("scan.png", 2))], { queue } = aQueue(one, two);

  queue.done(one, { id: "f1", size: 1 });
  queue.done(two, { id: "f2", size: 2 });

  assert.deepEqual(queue.of(1).map((row) => row.id), ["f1", "f2"]);
});

test("files of one ticket are not those of another", () => {
  const [here, there] = [aRow(aFile(), 1), aRow(aFile(), 2)], { queue } = aQueue(here, there);

  assert.deepEqual(queue.of(2), [there]);
  assert.deepEqual(queue.of(null), []);
});

test("a refused file has a row and a reason, and is never sent", () => {
  const row = aRow(aFile("a.exe")), { queue, sent } = aQueue();

  queue.add(row, "Files of type .exe are not accepted.");

  assert.deepEqual([row.state, row.why, sent.length, queue.isBusy], ["refused", "Files of type .exe are not accepted.", 0, false]);
});

test("what goes with a message is no longer in the queue", () => {
  const [one, two] = [aRow(), aRow()], { queue } = aQueue(one, two);

  queue.remove([one]);

  assert.deepEqual(queue.of(1), [two]);
});

test("a file is judged by its type, size and number before a byte is sent", () => {
  for (const [file, others, why] of [
    [aFile("a.txt", 10), 0, ""],
    [aFile("A.TXT", 10), 9, ""],
    [aFile("a.txt", 10), 10, "A message takes at most 10 files."],
    [aFile("setup.exe", 10), 0, "Files of type .exe are not accepted."],
    [aFile("report.pdf.exe", 10), 0, "Files of type .exe are not accepted."],
    [aFile("README", 10), 0, "A file needs an extension, so that we know what it is."],
    [aFile("trailing.", 10), 0, "A file needs an extension, so that we know what it is."],
    [aFile("a.txt", 0), 0, "The file is empty."],
    [aFile("a.pdf", 25 * MB), 0, ""],
    [aFile("a.pdf", 26 * MB), 0, "The file is 26.0 MB; 25.0 MB is the most."],
    [aFile("a.png", 11 * MB), 0, "The file is 11.0 MB; 10.0 MB is the most."],
  ]) assert.equal(judge(file, RULES, others), why, `${file.name} of ${file.size}`);
});

test("without the desk's rules the desk itself judges", () => {
  assert.equal(judge(aFile("setup.exe", 0), null, 99), "");
});

test("the network and the desk's own trouble pass, a refusal and a full disk do not", () => {
  assert.deepEqual([0, 429, 500, 502, 503].map(passes), [true, true, true, true, true]);
  assert.deepEqual([400, 401, 404, 413, 415, 422, 507].map(passes), [false, false, false, false, false, false, false]);
});

test("sizes read as on the server", () => {
  assert.deepEqual([0, 1023, 1024, 1536, MB, 1.5 * MB, 1024 * MB].map(size), ["0 B", "1023 B", "1 KB", "2 KB", "1.0 MB", "1.5 MB", "1.0 GB"]);
});
