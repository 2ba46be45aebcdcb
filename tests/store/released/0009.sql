INSERT INTO ticket_exclusions (ticket_id, user_id, reason, created_at) VALUES (2, 2, 'by_hand', 2005);
