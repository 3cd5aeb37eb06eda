package fftest

// Dump returns every row of every table of the engine as text, in the order of the tables and then of the rows.
func (s *SQL) Dump() []string {
	s.t.Helper()
	const columns = `
		SELECT m.name, group_concat(format('quote(%s)', c.name), ' || '' '' || ')
		  FROM sqlite_schema AS m
		  JOIN pragma_table_xinfo(m.name) AS c
		 WHERE m.type = 'table'
		   AND m.name LIKE 'ff\_%' ESCAPE '\'
		   AND m.name NOT IN ('ff_schema_migration', 'ff_migration_annotation')
		 GROUP BY m.name
		 ORDER BY m.name`
	var rows []string
	for _, table := range s.Rows(columns) {
		for _, row := range s.Rows("SELECT " + table[1] + " AS row FROM " + table[0] + " ORDER BY row") {
			rows = append(rows, table[0]+" "+row[0])
		}
	}
	return rows
}
