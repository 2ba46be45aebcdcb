-- Where a session was opened and with what, and when it was last used: to the minute or so, not to each request.
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN seen_at INTEGER;
CREATE INDEX sessions_by_kind ON sessions (kind);

-- Who changed what about the desk itself. Names stand as they were, and nothing refers to other tables: the list
-- outlives what it tells of.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor_id INTEGER,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    area TEXT NOT NULL,
    noun TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    address TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_area ON audit (area);
CREATE INDEX audit_by_actor ON audit (actor_id, area);
CREATE INDEX audit_by_actor_alone ON audit (actor_id);
CREATE INDEX audit_by_subject ON audit (noun, subject_id);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit list is only added to');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit list is only added to');
END;
-- Also no row takes the place of another.
CREATE TRIGGER audit_goes_on_at_its_end BEFORE INSERT ON audit
WHEN new.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM audit) BEGIN
    SELECT raise(ABORT, 'the audit list is only added to');
END;
