-- Uploads that may break off and go on. What has come of one lies in the folder "partial", under its id.
CREATE TABLE resumable_uploads (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    message_id INTEGER REFERENCES messages (id),
    is_internal INTEGER NOT NULL CHECK (is_internal IN (0, 1)),
    filename TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    metadata TEXT NOT NULL, -- as it was sent
    arrived INTEGER NOT NULL DEFAULT 0 CHECK (arrived BETWEEN 0 AND size), -- when last written down; the file knows better
    unchecked_from INTEGER, -- bytes from here on belong to a piece whose checksum was not compared yet
    file_id TEXT REFERENCES files (id) ON DELETE CASCADE, -- what became of it
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX resumable_uploads_by_user ON resumable_uploads (user_id, expires_at) WHERE file_id IS NULL;
CREATE INDEX resumable_uploads_by_expiry ON resumable_uploads (expires_at);
CREATE INDEX resumable_uploads_by_file ON resumable_uploads (file_id) WHERE file_id IS NOT NULL;
