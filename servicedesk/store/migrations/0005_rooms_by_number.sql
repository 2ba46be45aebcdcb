-- A room is known by a number that its name gives, so that an event needs no row of its own for the room's top:
-- 1 is the room of all staff, twice a ticket's id is its room, one more its staff's, and a user's id below zero theirs.

CREATE TABLE log (
    id INTEGER PRIMARY KEY, -- in the order of the log; the latest is never pruned
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    frame BLOB NOT NULL
) STRICT;
INSERT INTO log (id, room, seq, created_at, frame)
SELECT
    e.rowid,
    CASE
        WHEN r.name = 'desk' THEN 1
        WHEN r.name LIKE 'user:%' THEN -CAST(substr(r.name, 6) AS INTEGER)
        WHEN r.name LIKE 'ticket:%:staff' THEN CAST(substr(r.name, 8) AS INTEGER) * 2 + 1
        ELSE CAST(substr(r.name, 8) AS INTEGER) * 2
    END,
    e.seq, e.created_at, e.frame
FROM events e JOIN rooms r ON r.id = e.room_id
ORDER BY e.rowid;

-- Rooms in which more may stand than they have to keep: where the pruner looks.
CREATE TABLE busy_rooms (
    room INTEGER NOT NULL PRIMARY KEY
) STRICT;
INSERT INTO busy_rooms (room) SELECT DISTINCT room FROM log WHERE seq >= 1000;

DROP TABLE events;
DROP TABLE rooms;
ALTER TABLE log RENAME TO events;
CREATE UNIQUE INDEX events_by_place ON events (room, seq);

-- A ticket knows its tags itself.
DROP INDEX ticket_tags_by_ticket;
