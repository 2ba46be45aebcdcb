-- What happens when a ticket is left lying: policies, which tier of a ticket falls due next, and which have fired.

CREATE TABLE escalation_policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name_key TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    last_tier INTEGER NOT NULL, -- the highest id that a tier of it ever had
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX escalation_policies_default ON escalation_policies (is_default) WHERE is_default = 1;

ALTER TABLE teams ADD COLUMN escalation_policy_id INTEGER REFERENCES escalation_policies (id);

-- The next tier of each ticket that has one to come: what has no policy costs nothing.
CREATE TABLE escalation_next (
    ticket_id INTEGER PRIMARY KEY REFERENCES tickets (id),
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX escalation_next_by_due ON escalation_next (due_at, ticket_id);

-- A tier that fired: written before it acts, in the same transaction, so that it cannot fire again.
CREATE TABLE escalation_steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    policy_id INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('time', 'manual', 'silence')),
    due_at INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    body TEXT NOT NULL, -- the tier as it was then, and what came of it
    change INTEGER NOT NULL DEFAULT 0, -- the last row of the ticket's history that it knew or made
    answer_by INTEGER, -- until when somebody must acknowledge it
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)), -- while that is awaited
    acknowledged_by INTEGER REFERENCES users (id),
    acknowledged_at INTEGER,
    UNIQUE (ticket_id, policy_id, cycle, tier)
) STRICT;
CREATE INDEX escalation_steps_by_ticket ON escalation_steps (ticket_id, id);
