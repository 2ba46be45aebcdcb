INSERT INTO private_links (ticket_id, hash, given_name, given_email, created_at, expires_at)
    VALUES (2, x'02', 'Cy', 'cy@example.org', 2001, 99000000000000);
