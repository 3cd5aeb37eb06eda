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
	what string // it does, in words
	file string // below the root of the module
	old  string // text that is in the file once
	new  string // is put in its place
	by   suite  // must notice
}

// suite is some tests of one package.
type suite struct {
	pkg   string   // its folder below the root of the module
	tests []string // their full names
	args  []string // of the test binary, such as a seed
}

// pattern matches the tests and no others.
func (s suite) pattern() string { return "^(" + strings.Join(s.tests, "|") + ")$" }

// changed is the text of the file with the fault in it.
func (f fault) changed(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, f.file)) //nolint:gosec // The files are ours.
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), f.old); n != 1 {
		return nil, fmt.Errorf("%s has the text %d times, not once: %q", f.file, n, f.old)
	}
	return []byte(strings.Replace(string(text), f.old, f.new, 1)), nil
}

// overlay writes the changed file to a directory, and beside it what -overlay takes.
func (f fault) overlay(root, directory string) (path string, err error) {
	text, err := f.changed(root)
	if err != nil {
		return "", err
	}
	copied := filepath.Join(directory, "changed.go")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		return "", err
	}
	replacement, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(root, filepath.FromSlash(f.file)): copied},
	})
	if err != nil {
		return "", err
	}
	path = filepath.Join(directory, "overlay.json")
	return path, os.WriteFile(path, replacement, 0o600)
}
