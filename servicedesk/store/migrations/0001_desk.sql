-- The desk: people, tickets, conversations, files, and the log of everything that was told.
-- Moments are whole milliseconds since the epoch; a *_key column is the folded form in which words are compared.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- People ------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL CHECK (name <> ''),
    role TEXT NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent', 'customer')),
    password_hash TEXT,
    is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    max_tickets INTEGER NOT NULL DEFAULT 10 CHECK (max_tickets >= 0),
    availability TEXT NOT NULL DEFAULT 'available' CHECK (availability IN ('available', 'away')),
    skills TEXT NOT NULL DEFAULT '[]',
    open_load INTEGER NOT NULL DEFAULT 0 CHECK (open_load >= 0),
    last_assigned_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_role ON users (role, id);

CREATE TABLE teams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    name_key TEXT NOT NULL UNIQUE,
    assignment TEXT NOT NULL DEFAULT 'balanced'
        CHECK (assignment IN ('balanced', 'round_robin', 'skills', 'manual')),
    lead_id INTEGER REFERENCES users (id),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE team_members (
    team_id INTEGER NOT NULL REFERENCES teams (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_user ON team_members (user_id, team_id);

-- A browser session or an API token: what opens the door, kept as a hash only.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('session', 'token')),
    user_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, kind, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at) WHERE expires_at IS NOT NULL;

-- Tickets -----------------------------------------------------------------------------------------------------

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL CHECK (title <> ''),
    description TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL
        CHECK (status IN ('new', 'open', 'in_progress', 'pending', 'on_hold', 'resolved', 'closed')),
    priority TEXT NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    category TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    required_skills TEXT NOT NULL DEFAULT '[]',
    requester_id INTEGER NOT NULL REFERENCES users (id),
    assigned_to INTEGER REFERENCES users (id),
    team_id INTEGER REFERENCES teams (id),
    escalation_level INTEGER NOT NULL DEFAULT 0 CHECK (escalation_level BETWEEN 0 AND 3),
    version INTEGER NOT NULL DEFAULT 1,
    public_messages INTEGER NOT NULL DEFAULT 0,
    internal_messages INTEGER NOT NULL DEFAULT 0,
    public_files INTEGER NOT NULL DEFAULT 0,
    internal_files INTEGER NOT NULL DEFAULT 0,
    reopen_count INTEGER NOT NULL DEFAULT 0,
    pieces INTEGER NOT NULL DEFAULT 0, -- pieces of its text in the search index so far, itself not counted
    waits INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1)), -- for an agent to become free
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    first_response_at INTEGER,
    first_resolved_at INTEGER,
    resolved_at INTEGER,
    closed_at INTEGER,
    -- What the clocks came to at the last change (domain/sla.py), so that lists sort and filter by index.
    sla_policy TEXT,
    sla_phase TEXT NOT NULL DEFAULT 'running' CHECK (sla_phase IN ('running', 'paused', 'done')),
    first_response_due_at INTEGER,
    resolution_due_at INTEGER,
    due_at INTEGER,
    risk_at INTEGER,
    breach_at INTEGER,
    sla_told TEXT NOT NULL DEFAULT 'ok', -- the state that listeners heard last
    sla_wakes_at INTEGER, -- when that state changes by itself
    priority_rank INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE priority WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END) STORED,
    unresolved INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN status IN ('resolved', 'closed') THEN 0 ELSE 1 END) STORED,
    CHECK (status NOT IN ('in_progress', 'resolved') OR assigned_to IS NOT NULL)
) STRICT;
CREATE INDEX tickets_by_updated ON tickets (updated_at, id);
CREATE INDEX tickets_by_created ON tickets (created_at, id, team_id);
CREATE INDEX tickets_by_priority ON tickets (priority_rank, id);
CREATE INDEX tickets_by_due ON tickets (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX tickets_by_status ON tickets (status, updated_at, id);
CREATE INDEX tickets_by_assignee ON tickets (assigned_to, updated_at, id);
CREATE INDEX tickets_by_requester ON tickets (requester_id, updated_at, id);
CREATE INDEX tickets_by_team ON tickets (team_id, updated_at, id);
CREATE INDEX tickets_unresolved_by_updated ON tickets (updated_at, id) WHERE unresolved = 1;
CREATE INDEX tickets_unresolved_by_created ON tickets (created_at, id) WHERE unresolved = 1;
CREATE INDEX tickets_unresolved_by_priority ON tickets (priority_rank, id) WHERE unresolved = 1;
-- Of a generated column SQLite reads the row, of the phase it need not.
CREATE INDEX tickets_by_breach ON tickets (breach_at, team_id, risk_at, sla_phase)
    WHERE breach_at IS NOT NULL AND sla_phase <> 'done';
CREATE INDEX tickets_unresolved_by_id ON tickets (id) WHERE unresolved = 1;
CREATE INDEX tickets_unresolved_by_assignee ON tickets (assigned_to, id) WHERE unresolved = 1;
CREATE INDEX tickets_unresolved_without_due ON tickets (id) WHERE unresolved = 1 AND due_at IS NULL;
CREATE INDEX tickets_escalated ON tickets (updated_at, id) WHERE escalation_level > 0;
CREATE INDEX tickets_waiting ON tickets (priority_rank DESC, id) WHERE waits = 1;
CREATE INDEX tickets_to_close ON tickets (resolved_at) WHERE status = 'resolved';
CREATE INDEX tickets_to_warn ON tickets (sla_wakes_at) WHERE sla_wakes_at IS NOT NULL;
CREATE INDEX tickets_by_category ON tickets (category, updated_at, id) WHERE category IS NOT NULL;
-- For numbers over a period: they hold all that is asked.
CREATE INDEX tickets_by_answer ON tickets (first_response_at, team_id, created_at)
    WHERE first_response_at IS NOT NULL;
CREATE INDEX tickets_by_resolved ON tickets (resolved_at, team_id, assigned_to, created_at, breach_at, sla_policy)
    WHERE resolved_at IS NOT NULL;
CREATE INDEX tickets_dropped ON tickets (closed_at, team_id, breach_at, sla_policy, resolved_at)
    WHERE closed_at IS NOT NULL AND resolved_at IS NULL;

CREATE TABLE ticket_tags (
    tag_key TEXT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    PRIMARY KEY (tag_key, ticket_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_tags_by_ticket ON ticket_tags (ticket_id);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    author_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    is_internal INTEGER NOT NULL CHECK (is_internal IN (0, 1)),
    client_msg_id TEXT,
    seq INTEGER NOT NULL DEFAULT 0, -- its place in the room where it was told
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_ticket ON messages (ticket_id, id);
CREATE UNIQUE INDEX messages_by_client_id ON messages (author_id, client_msg_id) WHERE client_msg_id IS NOT NULL;

CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    message_id INTEGER REFERENCES messages (id),
    uploaded_by INTEGER NOT NULL REFERENCES users (id),
    filename TEXT NOT NULL,
    size INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    category TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    is_internal INTEGER NOT NULL CHECK (is_internal IN (0, 1)),
    width INTEGER,
    height INTEGER,
    has_thumbnail INTEGER NOT NULL DEFAULT 0 CHECK (has_thumbnail IN (0, 1)),
    piece INTEGER NOT NULL, -- its name's place in the search index
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_ticket ON files (ticket_id, created_at, id);
CREATE INDEX files_by_message ON files (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX files_by_content ON files (sha256);

CREATE TABLE history (
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    actor_id INTEGER REFERENCES users (id),
    changes TEXT NOT NULL,
    reason TEXT,
    is_internal INTEGER NOT NULL DEFAULT 0 CHECK (is_internal IN (0, 1)),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, seq)
) STRICT, WITHOUT ROWID;

-- Why an agent got a ticket. ``judged`` is the packed form of domain/assignment.py.
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    cause TEXT NOT NULL,
    policy TEXT NOT NULL,
    winner_id INTEGER REFERENCES users (id),
    judged TEXT NOT NULL,
    decided_at INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_by_ticket ON decisions (ticket_id, id);

-- How many tickets stand where; 0 means no team, nobody. Kept by the triggers below.
CREATE TABLE ticket_counts (
    team_id INTEGER NOT NULL,
    assigned_to INTEGER NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (team_id, assigned_to, status, priority)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ticket_counted AFTER INSERT ON tickets BEGIN
    INSERT INTO ticket_counts (team_id, assigned_to, status, priority, n)
    VALUES (coalesce(new.team_id, 0), coalesce(new.assigned_to, 0), new.status, new.priority, 1)
    ON CONFLICT (team_id, assigned_to, status, priority) DO UPDATE SET n = n + 1;
    UPDATE users SET open_load = open_load + 1
    WHERE id = new.assigned_to AND new.status IN ('new', 'open', 'in_progress');
END;

CREATE TRIGGER ticket_recounted AFTER UPDATE OF status, priority, team_id, assigned_to ON tickets BEGIN
    UPDATE ticket_counts SET n = n - 1
    WHERE team_id = coalesce(old.team_id, 0) AND assigned_to = coalesce(old.assigned_to, 0)
        AND status = old.status AND priority = old.priority;
    INSERT INTO ticket_counts (team_id, assigned_to, status, priority, n)
    VALUES (coalesce(new.team_id, 0), coalesce(new.assigned_to, 0), new.status, new.priority, 1)
    ON CONFLICT (team_id, assigned_to, status, priority) DO UPDATE SET n = n + 1;
    UPDATE users SET open_load = open_load - 1
    WHERE id = old.assigned_to AND old.status IN ('new', 'open', 'in_progress');
    UPDATE users SET open_load = open_load + 1
    WHERE id = new.assigned_to AND new.status IN ('new', 'open', 'in_progress');
END;

-- The log of what was told -------------------------------------------------------------------------------------

CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    top INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT; -- not WITHOUT ROWID: there a frame of a kilobyte would take an overflow page of four
CREATE UNIQUE INDEX events_by_place ON events (room_id, seq);

-- Answers that a repeated request gets again.
CREATE TABLE idempotency (
    user_id INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, method, path, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- What is the person's own -------------------------------------------------------------------------------------

CREATE TABLE drafts (
    user_id INTEGER NOT NULL REFERENCES users (id),
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    kind TEXT NOT NULL CHECK (kind IN ('reply', 'note')),
    body TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, ticket_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
    user_id INTEGER NOT NULL REFERENCES users (id),
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    message_id INTEGER NOT NULL, -- the last that was seen
    PRIMARY KEY (user_id, ticket_id)
) STRICT, WITHOUT ROWID;

-- Search: rowid = ticket_id * 2^20 + piece; piece 0 is the ticket itself. ``note`` holds what only staff may find.
CREATE VIRTUAL TABLE search USING fts5 (
    reference, title, body, note,
    tokenize = "unicode61 remove_diacritics 2",
    prefix = '2 3'
);

-- Texts on their way into the index, which takes many at once far cheaper than one by one; an empty one is to go.
CREATE TABLE search_waiting (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
