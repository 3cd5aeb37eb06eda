package fftest

import (
	"flag"
	"math/rand/v2"
	"testing"
)

// Torture asks for the long form of the tests that have one. Importing this package gives a test binary the flag.
var Torture = flag.Bool("torture", false, "run the long form of tests that kill, reopen and check")

// Rounds returns torture if the flag -torture is set, and short if not.
func Rounds(short, torture int) int {
	if *Torture {
		return torture
	}
	return short
}

var seed = flag.Uint64("seed", 0, "repeat the run of a test that printed this seed; 0: a new one")

// Seed returns the seed of the flag -seed, or a random one, and prints it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	chosen := *seed
	for chosen == 0 {
		chosen = rand.Uint64() //nolint:gosec // It is printed.
	}
	t.Logf("seed %d", chosen)
	return chosen
}
