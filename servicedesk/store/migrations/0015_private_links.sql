-- The address under which somebody without an account follows the one ticket that they wrote: kept as a hash only.
CREATE TABLE private_links (
    ticket_id INTEGER NOT NULL PRIMARY KEY REFERENCES tickets (id),
    hash BLOB NOT NULL UNIQUE,
    given_name TEXT NOT NULL, -- as typed, and checked by nobody
    given_email TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER, -- when it was opened last, to the day
    ended_at INTEGER -- when staff ended it
) STRICT;
