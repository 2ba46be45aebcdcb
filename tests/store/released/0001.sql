-- What a small desk held that was served with the first schema.
INSERT INTO meta (name, value) VALUES ('epoch', 'log-of-old'), ('name', 'Acme');
INSERT INTO users (id, email, email_key, name, role, password_hash, created_at) VALUES
    (1, 'Ada@example.org', 'ada@example.org', 'Ada', 'admin', NULL, 1000),
    (2, 'bob@example.org', 'bob@example.org', 'Bob', 'agent', NULL, 1001),
    (3, 'cy@example.org', 'cy@example.org', 'Cy', 'customer', NULL, 1002);
INSERT INTO teams (id, name, name_key, lead_id, created_at) VALUES (1, 'Support', 'support', 1, 1003);
INSERT INTO team_members (team_id, user_id) VALUES (1, 2);
INSERT INTO sessions (hash, kind, user_id, name, created_at, expires_at) VALUES (x'01', 'token', 1, 'script', 1004, NULL);
INSERT INTO tickets (id, title, description, status, priority, tags, requester_id, assigned_to, team_id,
    public_messages, public_files, created_at, updated_at) VALUES
    (1, 'The printer is on fire', 'Now; really.', 'in_progress', 'high', '["fire"]', 3, 2, 1, 2, 1, 2000, 2100),
    (2, 'Straße gesperrt', '', 'new', 'low', '[]', 3, NULL, NULL, 0, 0, 2001, 2001);
INSERT INTO tickets (id, title, status, priority, requester_id, assigned_to, created_at, updated_at, resolved_at)
    VALUES (3, 'Done', 'resolved', 'medium', 3, 2, 2002, 2300, 2300);
INSERT INTO ticket_tags (tag_key, ticket_id) VALUES ('fire', 1);
INSERT INTO messages (id, ticket_id, author_id, body, is_internal, client_msg_id, seq, created_at) VALUES
    (1, 1, 3, 'It burns', 0, 'a', 2, 2050),
    (2, 1, 2, 'We are coming; 火', 0, NULL, 3, 2060);
INSERT INTO files (id, ticket_id, message_id, uploaded_by, filename, size, content_type, category, sha256,
    is_internal, width, height, has_thumbnail, piece, created_at) VALUES
    ('file-1', 1, 1, 3, 'fire.txt', 4, 'text/plain; charset=utf-8', 'text',
    'dc9f28b12dd1818ee42ffc92ecb940386214598837348d30d3c6c0b7b57e34c9', 0, NULL, NULL, 0, 3, 2055);
INSERT INTO history (ticket_id, seq, type, actor_id, changes, created_at) VALUES (1, 1, 'created', 3, '{}', 2000);
INSERT INTO drafts (user_id, ticket_id, kind, body, updated_at) VALUES (2, 1, 'note', 'half a thought', 2070);
INSERT INTO reading (user_id, ticket_id, message_id) VALUES (2, 1, 2);
INSERT INTO search (rowid, reference, title, body, note) VALUES (1048576, 'SD-1', 'The printer is on fire', 'Now; really.', '');
INSERT INTO search_waiting (id, reference, title, body, note) VALUES (2097152, 'SD-2', 'Straße gesperrt', '', '');
INSERT INTO rooms (id, name, top) VALUES (1, 'desk', 2), (2, 'ticket:1', 1);
INSERT INTO events (room_id, seq, created_at, frame) VALUES (1, 1, 2000, x'7b7d'), (2, 1, 2000, x'7b7d'), (1, 2, 2001, x'7b7d');
