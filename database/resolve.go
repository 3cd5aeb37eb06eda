package database

import (
	"os"
	"path/filepath"
)

// maxLinks bounds a chain of symbolic links, as the system does.
const maxLinks = 40

// resolve follows the symbolic links of an absolute path. The file need not exist: then its directory is resolved and,
// should its name be a link to a file that does not exist yet, that link. So the answer is the same before and after the
// file is created. What cannot be resolved stays as it is; opening it will fail and say why.
func resolve(path string) string {
	next := path
	for range maxLinks {
		if resolved, err := filepath.EvalSymlinks(next); err == nil {
			return resolved
		}
		directory, err := filepath.EvalSymlinks(filepath.Dir(next))
		if err != nil {
			return next
		}
		next = filepath.Join(directory, filepath.Base(next))
		target, err := os.Readlink(next)
		if err != nil {
			return next
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(directory, target)
		}
		next = target
	}
	return path
}
