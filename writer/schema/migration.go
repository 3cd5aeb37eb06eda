package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// migration is one step of the schema: a file named <version>_<name>.sql.
type migration struct {
	version  int64
	name     string
	text     string
	checksum string // SHA-256 of the text in lower-case hex
}

// load returns the migrations of files in ascending order of their versions. Versions may have gaps.
func load(files fs.FS) ([]migration, error) {
	paths, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	known := make([]migration, 0, len(paths))
	for _, path := range paths {
		m, err := parse(path)
		if err != nil {
			return nil, err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		m.text, m.checksum = string(text), hex.EncodeToString(sum[:])
		known = append(known, m)
	}

	slices.SortFunc(known, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	for i := 1; i < len(known); i++ {
		if known[i-1].version == known[i].version {
			return nil, fmt.Errorf("two files have version %d", known[i].version)
		}
	}
	return known, nil
}

// parse reads version and name from the name of a file. The version goes into PRAGMA user_version, which has 32 bits.
func parse(path string) (migration, error) {
	digits, name, ok := strings.Cut(strings.TrimSuffix(path, ".sql"), "_")
	version, err := strconv.ParseInt(digits, 10, 32)
	if !ok || name == "" || err != nil || version < 1 {
		return migration{}, fmt.Errorf("file name %q: must be <version>_<name>.sql", path)
	}
	return migration{version: version, name: name}, nil
}
