// What the modules of the page share, and what its selectors find.

/** The elements that go by these names on our pages, wherever they stand in a selector's last place. */
interface KnownElements {
  "#assignee": HTMLSelectElement;
  "#attach": HTMLInputElement;
  "#bell": HTMLAnchorElement;
  "#bubble": HTMLTemplateElement;
  "#composer": HTMLFormElement;
  "#macros": HTMLAnchorElement;
  "#more": HTMLAnchorElement;
  "#note": HTMLTextAreaElement;
  "#priority": HTMLSelectElement;
  "#reply": HTMLTextAreaElement;
  "#search": HTMLInputElement;
  "#send": HTMLButtonElement;
  "#status": HTMLSelectElement;
  "#upload-row": HTMLTemplateElement;
  "[name=assigned_to]": HTMLSelectElement;
  "[name=priority]": HTMLSelectElement;
  "[name=status]": HTMLSelectElement;
  "[name=team_id]": HTMLSelectElement;
  "[data-do=close-ask]": HTMLButtonElement;
  "[data-file-form]": HTMLFormElement;
  "[data-row=cancel]": HTMLButtonElement;
  "[data-row=retry]": HTMLButtonElement;
  "[data-select]": HTMLInputElement;
  "[data-time-zone]": HTMLInputElement;
}

type LastStep<S extends string> = S extends `${string} ${infer Rest}` ? LastStep<Rest> : S;
type TagOf<S extends string> = S extends `${infer Tag}[${string}`
  ? TagOf<Tag>
  : S extends `${infer Tag}.${string}`
    ? TagOf<Tag>
    : S extends `${infer Tag}#${string}`
      ? TagOf<Tag>
      : S extends `${infer Tag}:${string}`
        ? TagOf<Tag>
        : S;

/** What a selector finds, by its last step: a known name, or a tag. */
type Found<S extends string> =
  LastStep<S> extends keyof KnownElements
    ? KnownElements[LastStep<S>]
    : TagOf<LastStep<S>> extends keyof HTMLElementTagNameMap
      ? HTMLElementTagNameMap[TagOf<LastStep<S>>]
      : HTMLElement;

/** The person who looks at the page. */
interface Me extends Named {
  role: string;
  isStaff: boolean;
}

/** What stands in for the placeholders of a text. */
type TextValues = Record<string, string | number>;

/** One line of a menu or of the palette. */
interface Item {
  label: string;
  value?: string | number;
  search?: string;
  boost?: number;
  icon?: string;
  tint?: string;
  hint?: string;
  asks?: boolean;
  run?: () => unknown;
}

/** The item that was chosen, with the reason that was asked for. */
interface Picked extends Item {
  value: string | number;
  comment?: string;
}

interface MenuOptions {
  title: string;
  items: Item[];
  at?: Element | null;
  /** Whether what was typed may be chosen as it stands. */
  free?: boolean;
  /** Which items are asked a reason for. */
  ask?: (item: Item) => boolean;
}

interface PickerOptions {
  label: string;
  source: (query: string) => Item[];
  choose: (item: Item) => void;
  inputClass?: string;
  listClass?: string;
  placeholder?: string;
}

interface Picker {
  input: HTMLInputElement;
  list: HTMLElement;
  draw: () => void;
  /** Choose the item that is marked, where there is one. */
  choose: () => void;
}

/** What came from the keyboard for a palette that was not there yet. */
interface Typed {
  words: string;
  sent: boolean;
}

interface ToastOptions {
  undo?: () => unknown;
  action?: { label: string; run: () => unknown };
  bad?: boolean;
}

/** A message on its way. It is kept across reloads under the id that makes it arrive once. */
interface OutboxItem {
  client_msg_id: string;
  ticket: number;
  body: string;
  internal: boolean;
  files: string[];
  state: "sending" | "waiting" | "failed";
  why?: string;
  /** Whether the desk never answered, so that another try by itself is fair. */
  unreached?: boolean;
}

/** What was chosen, or something that was dropped and is no file, with the reason. */
type Chosen = File | { name: string; why: string; size?: undefined; type?: undefined };

type UploadState = "queued" | "going" | "done" | "failed" | "refused" | "cancelled";

/** A file on its way, as the queue knows it. */
interface Upload {
  file: File;
  ticket: number;
  internal: boolean;
  state: UploadState;
  tries: number;
  /** Waits for its next try by itself. */
  resting: boolean;
  timer?: ReturnType<typeof setTimeout>;
  why: string;
  /** The file's id at the desk, once it is there. */
  id: string;
  size: number;
  request?: { abort(): void };
}

/** The same with what is seen of it. */
interface UploadRow extends Upload {
  box: HTMLElement;
  /** Where a large file goes on, while the desk keeps its beginning. */
  address?: string | null;
  going?: XMLHttpRequest;
  wake?: () => void;
}

/** What happened to a try: it fell, and whether another may do better. */
interface Trouble {
  why: string;
  passes: boolean;
  /** Milliseconds that the desk asks us to wait. */
  rest?: number;
}

interface LiveEvents {
  new_message: { message?: MessageBody };
  ticket_updated: { ticket_id: number; action: string };
  file_uploaded: { file?: FileBody };
  escalation_step: { ticket_id: number };
  notification: { unread: number; notification: NotificationBody };
  notifications_read: { unread: number; notification?: undefined };
  presence: UserPresence[];
  presence_update: UserPresence | Viewers;
  user_typing: UserTyping;
  up: undefined;
  down: undefined;
  resync: undefined;
}

interface DocumentEventMap {
  "desk:leave": Event;
  "desk:page": Event;
  "desk:send": Event;
  "desk:text-back": CustomEvent<OutboxItem>;
  "desk:uploads": Event;
}

