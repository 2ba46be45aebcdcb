-- Whoever walks from the newest ticket to older ones sees team, status and priority without reading the tickets.
DROP INDEX tickets_by_created;
CREATE INDEX tickets_by_created ON tickets (created_at, id, team_id, status, priority);
