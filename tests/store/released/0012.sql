INSERT INTO deleted_files (id, ticket_id, uploaded_by, filename, size, sha256, is_internal, created_at, deleted_by, deleted_at)
    VALUES ('file-0', 1, 3, 'gone.txt', 1, 'aa', 0, 2054, 1, 2056);
