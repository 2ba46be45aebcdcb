INSERT INTO resumable_uploads (id, user_id, ticket_id, is_internal, filename, size, metadata, arrived, expires_at)
    VALUES ('upload-1', 3, 1, 0, 'film.mp4', 1000, '', 10, 99000000000000);
