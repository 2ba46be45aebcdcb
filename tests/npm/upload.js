// Uploads a file with tus-js-client: node upload.js ENDPOINT TOKEN PATH PIECE METADATA. Prints a line of JSON at the end.

import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, token, path, piece, metadata] = process.argv.slice(2);
let file = null, breaks = 0;

const upload = new Upload(createReadStream(path), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: JSON.parse(metadata),
  uploadSize: statSync(path).size,
  chunkSize: Number(piece) || Infinity,
  retryDelays: new Array(40).fill(150),
  onShouldRetry: (error) => {
    breaks += 1;
    const status = error.originalResponse?.getStatus() ?? 0;
    return status === 0 || status >= 500;
  },
  onAfterResponse: (_request, response) => { file = response.getHeader("Content-Location") ?? file; },
  onError: (error) => { console.error(String(error)); process.exit(1); },
  onSuccess: () => console.log(JSON.stringify({ file, breaks, address: upload.url })),
});
upload.start();
