package fftest

import (
	"encoding/json"

	"github.com/stretchr/testify/require"
)

// Dump returns every row of every table of the engine as text, in the order of the tables and then of the rows, without
// the columns of these names.
func (s *SQL) Dump(without ...string) []string {
	s.t.Helper()
	const columns = `
		SELECT m.name, group_concat(format('quote(%s)', c.name), ' || '' '' || ')
		  FROM sqlite_schema AS m
		  JOIN pragma_table_xinfo(m.name) AS c
		 WHERE m.type = 'table'
		   AND m.name LIKE 'ff\_%' ESCAPE '\'
		   AND m.name NOT IN ('ff_schema_migration', 'ff_migration_annotation')
		   AND NOT EXISTS (SELECT 1 FROM json_each(?1) WHERE value = c.name)
		 GROUP BY m.name
		 ORDER BY m.name`
	var rows []string
	names, err := json.Marshal(append([]string{}, without...))
	require.NoError(s.t, err)
	for _, table := range s.Rows(columns, string(names)) {
		for _, row := range s.Rows("SELECT " + table[1] + " AS row FROM " + table[0] + " ORDER BY row") {
			rows = append(rows, table[0]+" "+row[0])
		}
	}
	return rows
}
