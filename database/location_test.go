package database_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec02_S06_MemoryClassification(t *testing.T) {
	for _, text := range []string{
		":memory:", "file::memory:", "file::memory:?cache=shared", "file:n?mode=memory", "file:n?mode=memory&cache=shared",
		"file:n?cache=shared&mode=memory", ":memory:?cache=shared", "file:n?mode=memory#frag", "file:?mode=memory",
	} {
		location := parse(t, text)
		require.True(t, location.Memory, text)
		require.Empty(t, location.Path, text)
		require.Equal(t, strings.HasPrefix(text, ":memory:"), location.Private, text)
	}
	for _, text := range []string{
		"/tmp/x.db", "./x.db", "file:/tmp/x.db", "file:./data.db", "file:n?cache=shared", "file:my_mode=memory_db.sqlite",
		":memory:x", "x?mode=memory", "sqlite:/tmp/x.db",
	} {
		require.False(t, parse(t, text).Memory, text)
	}
	for _, text := range []string{"file:foo?mode=memory_extra", "sqlite:foo?mode=memory", "file:foo?mode=memor%79"} {
		location, err := database.ParseLocation(text)
		require.ErrorContains(t, err, "unknown value", text)
		require.False(t, location.Memory, text)
	}
}

func TestSpec02_S04_MemoryKeys(t *testing.T) {
	require.NotEqual(t, parse(t, ":memory:").Key, parse(t, ":memory:").Key)
	require.Equal(t, parse(t, "file::memory:").Key, parse(t, "file::memory:?cache=shared").Key)
	require.Equal(t, parse(t, "file:n?mode=memory").Key, parse(t, "file:%6e?cache=shared&mode=memory").Key)
	require.NotEqual(t, parse(t, "file:n?mode=memory").Key, parse(t, "file:m?mode=memory").Key)
	require.NotEqual(t, parse(t, "file:/n?mode=memory").Key, parse(t, "/n").Key)
}

func TestSpec02_S07_FileKeys(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	require.NoError(t, os.Symlink("a.db", "link.db"))
	require.NoError(t, os.Symlink(directory, filepath.Join(directory, "here")))
	same := []string{
		"a.db", "./a.db", filepath.Join(directory, "a.db"), "file:a.db", "file:%61.db?cache=private", "sqlite:a.db",
		"sqlite://a.db?mode=rwc", "file://" + directory + "/a.db", "file://localhost" + directory + "/a.db#x", "link.db",
		"here/a.db", "here/link.db", "file:here/../a.db",
	}
	key := parse(t, "a.db").Key
	requireSame := func() {
		for _, text := range same {
			location := parse(t, text)
			require.Equal(t, key, location.Key, text)
			require.Equal(t, key, location.Path, text)
		}
	}
	requireSame()
	require.NoError(t, os.WriteFile("a.db", nil, 0o600))
	requireSame()
	require.NotEqual(t, key, parse(t, "b.db").Key)
	require.True(t, parse(t, "file:a.db?mode=rw").MustExist)

	require.NoError(t, os.Symlink("loop.db", "loop.db"))
	require.NotEmpty(t, parse(t, "loop.db").Path)
	require.Equal(t, filepath.Join(filepath.Dir(key), "absent", "a.db"), parse(t, "absent/a.db").Path)
}

func TestSpec02_S11_RefusedLocations(t *testing.T) {
	for text, message := range map[string]string{
		"file:x?mode=ro":         "read-only open is not supported",
		"sqlite:x?mode=ro":       "read-only open is not supported",
		"file:x?foo=1":           `sqlite connect-opts parse for "file:x?foo=1": unknown parameter foo`,
		"file:x?immutable=1":     `sqlite connect-opts parse for "file:x?immutable=1": unknown parameter immutable`,
		"file:x?vfs=os":          `sqlite connect-opts parse for "file:x?vfs=os": unknown parameter vfs`,
		"file:x?mode=memory&a=b": `sqlite connect-opts parse for "file:x?mode=memory&a=b": unknown parameter a`,
		":memory:?a=b":           `sqlite connect-opts parse for ":memory:?a=b": unknown parameter a`,
		"file:x?cache=big":       `sqlite connect-opts parse for "file:x?cache=big": unknown value "big" for cache`,
		"file:x%zz":              `sqlite connect-opts parse for "file:x%zz": invalid escape in "x%zz"`,
		"file://host/x":          `sqlite connect-opts parse for "file://host/x": unknown authority "host"`,
	} {
		_, err := database.ParseLocation(text)
		requireOpenError(t, err, messages.OpenProtocol, message)
	}
	for text, message := range map[string]string{
		"":                       "location: must not be empty",
		"file:":                  "location: must not be empty",
		"sqlite://?cache=shared": "location: must not be empty",
		"a\x00b":                 "location: contains NUL",
		"file:a%00b":             "location: contains NUL",
		"file:%00?mode=memory":   "location: contains NUL",
	} {
		_, err := database.ParseLocation(text)
		requireOpenError(t, err, messages.OpenProtocol, message)
		require.ErrorIs(t, err, messages.ErrInvalidInput)
	}
}

func TestLocation_DataSource(t *testing.T) {
	for path, want := range map[string]string{
		"/a b/c?d#e%f.db":    "file:/a%20b/c%3Fd%23e%25f.db",
		"C:/data/x y.db":     "file:C:/data/x%20y.db",
		"//server/data/x.db": "file:////server/data/x.db",
	} {
		require.Equal(t, want, database.Location{Path: path}.DataSource(""))
		require.Equal(t, want+"?vfs=a%20b%26c", database.Location{Path: path}.DataSource("a b&c"))
	}
	require.Equal(t, "file:/ffsqlite/a%2Fb%20c%3F?vfs=mvcc", parse(t, "file:a%2fb%20c%3f?mode=memory").DataSource("ignored"))
}

func FuzzParseLocation(f *testing.F) {
	for _, text := range []string{
		":memory:", "file::memory:?cache=shared", "file:n?mode=memory&cache=shared#f", "sqlite:///tmp/x%20y.db?mode=rw", "a?b#c%",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		location, err := database.ParseLocation(text)
		if err != nil {
			var open *messages.OpenError
			require.ErrorAs(t, err, &open)
			return
		}
		require.NotEmpty(t, location.Key)
		if location.Private {
			require.True(t, location.Memory)
			return
		}
		again, err := database.ParseLocation(text)
		require.NoError(t, err)
		require.Equal(t, location, again)
		if location.Memory {
			require.Empty(t, location.Path)
			return
		}
		require.True(t, filepath.IsAbs(location.Path))
		uri := url.URL{Scheme: "file", Path: location.Path}
		escaped, err := database.ParseLocation(uri.String())
		require.NoError(t, err)
		require.Equal(t, location.Key, escaped.Key)
	})
}
