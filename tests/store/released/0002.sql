INSERT INTO ticket_watchers (ticket_id, user_id) VALUES (1, 2);
INSERT INTO notifications (user_id, ticket_id, kind, actor_id, message_id, text, created_at)
    VALUES (2, 1, 'message', 3, 1, 'It burns', 2050);
