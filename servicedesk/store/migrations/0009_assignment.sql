-- Who may take a ticket when: people's own hours, teams' own weights, and who is not to get a ticket again.

ALTER TABLE users ADD COLUMN calendar_id INTEGER REFERENCES calendars (id);
ALTER TABLE teams ADD COLUMN weights TEXT; -- null: those of the preset
ALTER TABLE teams ADD COLUMN return_after_minutes INTEGER CHECK (return_after_minutes > 0);

CREATE TABLE ticket_exclusions (
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    reason TEXT NOT NULL CHECK (reason IN ('returned', 'by_hand')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, user_id)
) STRICT, WITHOUT ROWID;

-- When a ticket goes to somebody else because its agent has said nothing: only tickets of teams that want it.
CREATE TABLE ticket_returns (
    ticket_id INTEGER NOT NULL PRIMARY KEY REFERENCES tickets (id),
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_returns_by_due ON ticket_returns (due_at, ticket_id);
CREATE INDEX users_by_calendar ON users (calendar_id) WHERE calendar_id IS NOT NULL;
