-- Who watches which ticket, and what each person is told of.

-- A row with ``watches`` 0 is somebody who stopped: what makes a watcher by itself leaves that as it is.
CREATE TABLE ticket_watchers (
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    watches INTEGER NOT NULL DEFAULT 1 CHECK (watches IN (0, 1)),
    PRIMARY KEY (ticket_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id),
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    kind TEXT NOT NULL CHECK (kind <> ''),
    actor_id INTEGER REFERENCES users (id),
    message_id INTEGER REFERENCES messages (id),
    text TEXT NOT NULL DEFAULT '',
    times INTEGER NOT NULL DEFAULT 1 CHECK (times > 0), -- how many of its kind it stands for
    is_read INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE is_read = 0;
CREATE INDEX notifications_unread_by_ticket ON notifications (ticket_id, user_id, kind) WHERE is_read = 0;
CREATE INDEX notifications_to_forget ON notifications (created_at) WHERE is_read = 1;

-- How many of a person's notifications are unread. Kept by the triggers below.
ALTER TABLE users ADD COLUMN unread_notifications INTEGER NOT NULL DEFAULT 0 CHECK (unread_notifications >= 0);

CREATE TRIGGER notification_came AFTER INSERT ON notifications WHEN new.is_read = 0 BEGIN
    UPDATE users SET unread_notifications = unread_notifications + 1 WHERE id = new.user_id;
END;

CREATE TRIGGER notification_went AFTER DELETE ON notifications WHEN old.is_read = 0 BEGIN
    UPDATE users SET unread_notifications = unread_notifications - 1 WHERE id = old.user_id;
END;

CREATE TRIGGER notification_read AFTER UPDATE OF is_read ON notifications WHEN new.is_read <> old.is_read BEGIN
    UPDATE users SET unread_notifications = unread_notifications + old.is_read - new.is_read
    WHERE id = new.user_id;
END;
