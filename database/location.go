package database

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// Location says which database is meant.
type Location struct {
	// Memory: the database lives in memory and vanishes with its last connection.
	Memory bool

	// Private: a memory database that no other location reaches. Key and name are random.
	Private bool

	// Key is equal for two locations if and only if they mean the same database of this process.
	Key string

	// Path is the absolute path of the file, symbolic links resolved; empty for memory.
	Path string

	// MustExist: opening does not create the file.
	MustExist bool

	name string // of a memory database
}

const (
	privateName  = ":memory:"
	unnamedURI   = "file::memory:"
	memoryPair   = "mode=memory"
	fileScheme   = "file:"
	sqliteScheme = "sqlite:"
)

// ParseLocation understands
//
//   - ":memory:", with or without a query: a memory database of its own for each call;
//   - "file::memory:": the one unnamed memory database of the process;
//   - "file:NAME?mode=memory": the memory database NAME of the process;
//   - "file:PATH", "file:///PATH", "sqlite:PATH", "sqlite://PATH": a file, with %-escapes and a query;
//   - anything else: the path of a file, taken as it is.
//
// In a query, mode may be rwc, which creates the file and is the default, or rw, which does not; cache may be private or
// shared and means nothing. Every error is a [*messages.OpenError] of the kind protocol. Whether the file exists, or its
// directory, is for [Open] to find out.
func ParseLocation(s string) (Location, error) {
	if s == "" {
		return Location{}, invalid("location", "must not be empty")
	}
	if strings.ContainsRune(s, 0) {
		return Location{}, invalid("location", "contains NUL")
	}
	if !isURI(s) {
		return fileLocation(s)
	}
	body, query := split(s)
	mode, err := parseQuery(s, query)
	if err != nil {
		return Location{}, err
	}
	switch {
	case isPrivate(s):
		return Location{Memory: true, Private: true}.named(rand.Text()), nil
	case strings.HasPrefix(s, unnamedURI):
		return Location{Memory: true}.named(privateName), nil
	}
	path, err := decodePath(s, body)
	if err != nil {
		return Location{}, err
	}
	if mode == "memory" {
		if path == "" {
			path = privateName // No name is the unnamed one.
		}
		return Location{Memory: true}.named(path), nil
	}
	if path == "" {
		return Location{}, invalid("location", "must not be empty")
	}
	location, err := fileLocation(path)
	location.MustExist = mode == "rw"
	return location, err
}

// isURI reports whether a location has escapes and a query. A question mark in any other is part of a file's name.
func isURI(s string) bool {
	return isPrivate(s) || strings.HasPrefix(s, fileScheme) || strings.HasPrefix(s, sqliteScheme)
}

func isPrivate(s string) bool { return s == privateName || strings.HasPrefix(s, privateName+"?") }

// isMemory reports whether a location means a memory database. The pair must be exactly this one, for a file may have
// the words in its name.
func isMemory(s string) bool {
	if isPrivate(s) || strings.HasPrefix(s, unnamedURI) {
		return true
	}
	if !strings.HasPrefix(s, fileScheme) {
		return false
	}
	_, query := split(s)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == memoryPair {
			return true
		}
	}
	return false
}

// split cuts a location at its first question mark and drops the fragments.
func split(s string) (body, query string) {
	body, query, _ = strings.Cut(s, "?")
	body, _, _ = strings.Cut(body, "#")
	query, _, _ = strings.Cut(query, "#")
	return body, query
}

// parseQuery checks every parameter and returns the mode: memory, rwc or rw.
func parseQuery(s, query string) (mode string, err error) {
	memory := isMemory(s)
	mode = "rwc"
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := url.PathUnescape(rawKey)
		if err != nil {
			return "", refused(s, "invalid escape in %q", pair)
		}
		value, err := url.PathUnescape(rawValue)
		if err != nil {
			return "", refused(s, "invalid escape in %q", pair)
		}
		switch {
		case pair == memoryPair && memory:
		case key == "mode" && value == "ro":
			return "", protocol("read-only open is not supported")
		case key == "mode" && (value == "rw" || value == "rwc"):
			mode = value
		case key == "cache" && (value == "private" || value == "shared"):
		case key == "mode" || key == "cache":
			return "", refused(s, "unknown value %q for %s", value, key)
		default:
			return "", refused(s, "unknown parameter %s", key)
		}
	}
	if memory {
		mode = "memory"
	}
	return mode, nil
}

// decodePath returns the path of a URI without its scheme and its empty authority.
func decodePath(s, body string) (string, error) {
	path, isSQLite := strings.CutPrefix(body, sqliteScheme)
	if isSQLite {
		path = strings.TrimPrefix(path, "//")
	} else {
		path = strings.TrimPrefix(path, fileScheme)
		if rest, ok := strings.CutPrefix(path, "//"); ok {
			authority, _, _ := strings.Cut(rest, "/")
			if authority != "" && authority != "localhost" {
				return "", refused(s, "unknown authority %q", authority)
			}
			path = rest[len(authority):]
		}
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return "", refused(s, "invalid escape in %q", path)
	}
	if strings.ContainsRune(decoded, 0) {
		return "", invalid("location", "contains NUL")
	}
	return decoded, nil
}

// named gives a memory database its name. The prefix keeps its key apart from those of files, which are absolute paths.
func (l Location) named(name string) Location {
	l.name = name
	l.Key = "memory:" + name
	return l
}

func fileLocation(path string) (Location, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Location{}, openError("resolve location", err)
	}
	resolved := resolve(absolute)
	return Location{Key: resolved, Path: resolved}, nil
}

// dataSource returns the URI under which SQLite opens the location, through the VFS of that name for files. A path with a
// drive letter stays without a slash in front, and one on a server gets the empty authority that keeps SQLite from taking
// the server for one.
func (l Location) dataSource(vfs string) string {
	path := filepath.ToSlash(l.Path)
	uri := url.URL{Scheme: "file", OmitHost: !strings.HasPrefix(path, "//"), Path: path}
	if l.Memory {
		// mode=memory would win over the VFS and give each connection a database of its own.
		uri.Path, uri.RawPath = "/ffsqlite/"+l.name, "/ffsqlite/"+url.PathEscape(l.name)
		vfs = "mvcc"
	}
	if vfs != "" {
		uri.RawQuery = "vfs=" + strings.ReplaceAll(url.QueryEscape(vfs), "+", "%20")
	}
	return uri.String()
}

func refused(location, format string, args ...any) error {
	return protocol(fmt.Sprintf("sqlite connect-opts parse for %q: ", location) + fmt.Sprintf(format, args...))
}

func protocol(message string) error {
	return &messages.OpenError{Kind: messages.OpenProtocol, Message: message}
}

// invalid is what opening says of an argument that is wrong whatever the state of the disk.
func invalid(field, detail string) error {
	return &messages.OpenError{
		Kind:    messages.OpenProtocol,
		Message: field + ": " + detail,
		Err:     messages.InvalidField(field, "%s", detail),
	}
}
