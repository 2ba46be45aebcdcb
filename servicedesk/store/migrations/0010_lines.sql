-- Who waits for an agent, in one line for each kind: what nobody can take does not hold up the rest.

DROP INDEX tickets_waiting;
CREATE INDEX tickets_waiting ON tickets (
    (ifnull(team_id, 0) || ' ' || required_skills), priority_rank, id
) WHERE waits = 1;
