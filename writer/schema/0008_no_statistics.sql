-- Statistics that an earlier version gathered while the tables were small would turn searches into scans
-- (docs/decisions/0009-no-statistics.md). The planner forgets them with the table, at the next opening at the latest.

DROP TABLE IF EXISTS sqlite_stat1;
