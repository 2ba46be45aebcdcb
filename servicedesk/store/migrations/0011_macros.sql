-- Answers kept ready, and lists kept under a name: shared ones are everybody's, the others their owner's alone.
CREATE TABLE macros (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    is_shared INTEGER NOT NULL CHECK (is_shared IN (0, 1)),
    content TEXT NOT NULL, -- see domain/macros.py
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX macros_shared ON macros (id) WHERE is_shared = 1;
CREATE INDEX macros_by_owner ON macros (owner_id, id);

CREATE TABLE saved_views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    is_shared INTEGER NOT NULL CHECK (is_shared IN (0, 1)),
    content TEXT NOT NULL, -- see domain/saved_views.py
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX saved_views_shared ON saved_views (id) WHERE is_shared = 1;
CREATE INDEX saved_views_by_owner ON saved_views (owner_id, id);
