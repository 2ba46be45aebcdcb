-- How far a file's picture and its scan for malware have come; and what is remembered of files that were deleted.

ALTER TABLE files ADD COLUMN picture TEXT NOT NULL DEFAULT 'none'
    CHECK (picture IN ('none', 'pending', 'made', 'failed'));
UPDATE files SET picture = 'made' WHERE has_thumbnail;
ALTER TABLE files DROP COLUMN has_thumbnail;
CREATE INDEX files_without_picture_yet ON files (created_at, id) WHERE picture = 'pending';

ALTER TABLE files ADD COLUMN scan TEXT NOT NULL DEFAULT 'none'
    CHECK (scan IN ('none', 'pending', 'clean', 'infected', 'error'));
CREATE INDEX files_not_scanned_yet ON files (created_at, id) WHERE scan IN ('pending', 'error');

CREATE TABLE deleted_files (
    id TEXT NOT NULL PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    message_id INTEGER REFERENCES messages (id),
    uploaded_by INTEGER NOT NULL REFERENCES users (id),
    filename TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    is_internal INTEGER NOT NULL CHECK (is_internal IN (0, 1)),
    created_at INTEGER NOT NULL,
    deleted_by INTEGER NOT NULL REFERENCES users (id),
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_files_by_ticket ON deleted_files (ticket_id, deleted_at, id);
