package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// longestRun bounds the run of a suite, in which a fault may have made everybody wait for ever.
const longestRun = "3m"

// bench is where faults are planted.
type bench struct {
	root      string    // of the module
	directory string    // for what is built
	say       io.Writer // what the tests say with a fault
}

func newBench(ctx context.Context) (*bench, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	directory, err := os.MkdirTemp("", "mutate")
	return &bench{root: strings.TrimSpace(string(out)), directory: directory, say: io.Discard}, err
}

func (b *bench) close() { _ = os.RemoveAll(b.directory) } // It is only a temporary one.

// passes runs the suites of the faults, each once, without any fault.
func (b *bench) passes(ctx context.Context, faults []fault) error {
	binaries, passed := map[string]string{}, map[string]bool{}
	for _, f := range faults {
		pkg, key := f.by.pkg, fmt.Sprint(f.by)
		if passed[key] {
			continue
		}
		if binaries[pkg] == "" {
			binary, err := b.build(ctx, pkg, fmt.Sprintf("sound-%d.test", len(binaries)))
			if err != nil {
				return err
			}
			binaries[pkg] = binary
		}
		if out, err := b.run(ctx, binaries[pkg], f.by); err != nil {
			return fmt.Errorf("without any fault: %s: %w\n%s", f.by.pattern(), err, out)
		}
		passed[key] = true
	}
	return nil
}

// failure matches the name of a test that has failed, and of none within it.
var failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// plant builds the tests with the fault in the engine, runs them, and returns which have failed.
func (b *bench) plant(ctx context.Context, f fault) (caught string, err error) {
	overlay, err := f.overlay(b.root, b.directory)
	if err != nil {
		return "", err
	}
	binary, err := b.build(ctx, f.by.pkg, "planted.test", "-overlay", overlay)
	if err != nil {
		return "", err
	}
	out, err := b.run(ctx, binary, f.by)
	_, _ = fmt.Fprintf(b.say, "%s:\n%s\n", f.what, out) // Only to be looked at.
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil || !errors.As(err, &failed):
		return "", err
	}
	names := []string{}
	for _, match := range failure.FindAllStringSubmatch(string(out), -1) {
		names = append(names, "`"+match[1]+"`")
	}
	if len(names) == 0 {
		return "", fmt.Errorf("no test says that it failed:\n%s", out)
	}
	return strings.Join(names, ", "), nil
}

// build makes the test binary of a package, under a name.
func (b *bench) build(ctx context.Context, pkg, name string, flags ...string) (binary string, err error) {
	binary = filepath.Join(b.directory, name)
	args := append([]string{"test", "-c", "-vet=off", "-o", binary}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...) //nolint:gosec // The packages and flags are ours.
	command.Dir = b.root
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the tests of %s: %w\n%s", pkg, err, out)
	}
	return binary, nil
}

func (b *bench) run(ctx context.Context, binary string, s suite) (out []byte, err error) {
	args := []string{"-test.run", s.pattern(), "-test.timeout", longestRun, "-test.failfast"}
	command := exec.CommandContext(ctx, binary, append(args, s.args...)...) //nolint:gosec // It was built here.
	command.Dir = filepath.Join(b.root, s.pkg)
	return command.CombinedOutput()
}
