-- What a search for "from:" and "has:file" walks along.
CREATE INDEX messages_by_author ON messages (author_id, ticket_id, is_internal);
CREATE INDEX tickets_with_files ON tickets (updated_at, id) WHERE public_files + internal_files > 0;
