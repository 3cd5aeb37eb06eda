package fftest

import "flag"

// Torture asks for the long form of the tests that have one. Importing this package gives a test binary the flag.
var Torture = flag.Bool("torture", false, "run the long form of tests that kill, reopen and check")

// Rounds returns torture if the flag -torture is set, and short if not.
func Rounds(short, torture int) int {
	if *Torture {
		return torture
	}
	return short
}
