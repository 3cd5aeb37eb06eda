package database

// DataSource is what [Database.DataSource] returns for an open location.
func (l Location) DataSource(vfs string) string { return l.dataSource(vfs) }
