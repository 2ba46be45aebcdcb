// What the desk says over HTTP and over the line, as far as the browser reads it. The server's own words are
// servicedesk/domain/views.py, servicedesk/domain/notifications.py and servicedesk/live/protocol.py.

interface Named {
  id: number;
  name: string;
}

interface Refusal {
  code: string;
  message: string;
  pointer?: string;
}

/** The body of an answer that refuses. */
interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
  errors?: Refusal[];
}

/** A page of a list; `next_cursor` is null on the last one. */
interface Paged<T> {
  items: T[];
  next_cursor: string | null;
}

interface TicketBody {
  id: number;
  reference: string;
  title: string;
  status: string;
  priority: string;
  version: number;
  assigned_to: Named | null;
}

interface FileBody {
  id: string;
  ticket_id: number;
  filename: string;
  size: number;
}

interface MessageBody {
  id: number;
  ticket_id: number;
  author: Named;
  is_internal: boolean;
}

interface UserBody extends Named {
  role: string;
  is_active: boolean;
}

interface HandleBody {
  name: string;
  handle: string;
}

interface MacroBody extends Named {
  is_internal: boolean;
  is_shared: boolean;
}

/** What a macro would say and change on one ticket. */
interface MacroPreview {
  body: string;
  is_internal: boolean;
  changes: Record<string, { from: unknown; to: unknown }>;
  refusals: Refusal[];
}

interface NotificationBody {
  id: number;
  kind: string;
  actor: Named | null;
  ticket: { id: number; reference: string; title: string };
}

/** The outcome of one ticket of many. */
interface BulkResult {
  id: number;
  ok: boolean;
  error?: { code?: string; detail?: string; message?: string };
}

interface FileLimits {
  max_size?: number;
  max_files_per_message?: number;
  categories?: Record<string, { types: string[]; max_size?: number }>;
  resumable?: { endpoint: string; above: number };
}

interface Viewer extends Named {
  state: string;
}

interface UserPresence {
  user: Named;
  status: "online" | "away" | "offline";
}

interface Viewers {
  ticket_id: number;
  viewers: Viewer[];
}

interface UserTyping {
  ticket_id: number;
  user: Named;
  typing: boolean;
  mode: WritingMode;
}

type WritingMode = "reply" | "note";

/** An event of a room has `room` and `seq`; one that no log keeps has neither. */
interface EventFrame {
  event: string;
  room?: string;
  seq?: number;
  data: any; // its shape goes by `event`: see LiveEvents
}

interface RoomEvent extends EventFrame {
  room: string;
  seq: number;
}

interface ReplyFrame {
  reply_to: number | null;
  data?: unknown;
  error?: { code: string; message: string };
}

interface RoomState {
  recovered: boolean;
  top?: number;
  snapshot?: { ticket: TicketBody; viewers?: Viewer[] };
}

interface Greeting {
  event: "connected";
  data: { epoch: string; user: Named; presence: UserPresence[]; rooms: Record<string, RoomState> };
}

/** Up to where a page was rendered: its `data-live`. */
interface PagePosition {
  epoch?: string;
  ticket?: number | null;
  rooms?: Record<string, number>;
}

/** What a tab posts to the line. */
type ToLine =
  | { do: "hello"; page: PagePosition; lock?: string }
  | { do: "page"; page: PagePosition }
  | { do: "send"; id: number; event: string; data: unknown }
  | { do: "look" | "retry" | "lost" | "touch" | "bye" };

/** What the line posts to a tab. */
interface FromLine {
  hi?: boolean;
  up?: boolean;
  down?: number;
  frame?: EventFrame | Greeting;
  resync?: boolean;
  reply?: number;
  data?: unknown;
  error?: { code: string; message: string };
}

/** What the line knows a tab by: a port, or what has its voice. */
interface Listener {
  postMessage(message: FromLine): void;
}
