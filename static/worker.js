// The line in a worker that all tabs of one person share.

import { serve } from "./line.js";

onconnect = ({ ports: [port] }) => serve(port);
