-- What somebody shows beside their password when they log in: the secret that their phone has as well, sealed with
-- the desk's key, and until it was shown once to work, only begun.
CREATE TABLE second_steps (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    sealed BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_used INTEGER NOT NULL DEFAULT 0 -- the number of the half minute whose code was taken last: none is taken twice
) STRICT;

-- What opens the door once when the phone is gone.
CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
