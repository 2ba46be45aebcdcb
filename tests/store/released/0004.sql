INSERT INTO sla_rewinds (team_id, round, below) VALUES (1, 0, 2);
