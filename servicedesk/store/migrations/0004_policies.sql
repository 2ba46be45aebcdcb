-- What the desk promises. A team without a policy follows the default, a desk without a default the standard.
CREATE TABLE sla_policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    name_key TEXT NOT NULL UNIQUE,
    calendar_id INTEGER REFERENCES calendars (id), -- NULL: around the clock
    rules TEXT NOT NULL, -- targets and pauses, see store/policies.py
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sla_policies_default ON sla_policies (is_default) WHERE is_default = 1;
CREATE INDEX sla_policies_by_calendar ON sla_policies (calendar_id) WHERE calendar_id IS NOT NULL;

ALTER TABLE teams ADD COLUMN sla_policy_id INTEGER REFERENCES sla_policies (id);
CREATE INDEX teams_by_policy ON teams (sla_policy_id);

ALTER TABLE tickets ADD COLUMN next_response_due_at INTEGER; -- while the requester waits for another answer

-- The teams whose tickets are to be wound anew, 0 for tickets without one: the unresolved ones first, each time from
-- the newest to the oldest. What is left lies below an id.
CREATE TABLE sla_rewinds (
    team_id INTEGER NOT NULL PRIMARY KEY,
    round INTEGER NOT NULL DEFAULT 0 CHECK (round IN (0, 1)),
    below INTEGER NOT NULL
) STRICT;
