// The line in a worker that all tabs of one person share.

import { serve } from "./line.js";

addEventListener("connect", (event) => { if (event instanceof MessageEvent) serve(event.ports[0]); });
