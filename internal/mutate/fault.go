package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fault is a small change of the source that some test must notice.
type fault struct {
	what  string // it does, in words
	by    suite  // must notice
	edits []edit // of different files
}

// edit is a change of one file.
type edit struct {
	file string // below the root of the module
	old  string // text that is in the file once
	new  string // is put in its place
}

// suite is some tests of one package.
type suite struct {
	pkg   string   // its folder below the root of the module
	tests []string // their full names
	args  []string // of the test binary, such as a seed
}

// pattern matches the tests and no others.
func (s suite) pattern() string { return "^(" + strings.Join(s.tests, "|") + ")$" }

// changed is the text of the file after the edit.
func (e edit) changed(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, e.file)) //nolint:gosec // The files are ours.
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), e.old); n != 1 {
		return nil, fmt.Errorf("%s has the text %d times, not once: %q", e.file, n, e.old)
	}
	return []byte(strings.Replace(string(text), e.old, e.new, 1)), nil
}

// overlay writes the changed files to a directory, and beside them what -overlay takes.
func (f fault) overlay(root, directory string) (path string, err error) {
	replaced := map[string]string{}
	for i, e := range f.edits {
		text, err := e.changed(root)
		if err != nil {
			return "", err
		}
		copied := filepath.Join(directory, fmt.Sprintf("changed-%d.go", i))
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return "", err
		}
		replaced[filepath.Join(root, filepath.FromSlash(e.file))] = copied
	}
	content, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path = filepath.Join(directory, "overlay.json")
	return path, os.WriteFile(path, content, 0o600)
}

// where names the files.
func (f fault) where() string {
	files := make([]string, len(f.edits))
	for i, e := range f.edits {
		files[i] = "`" + e.file + "`"
	}
	return strings.Join(files, ", ")
}
