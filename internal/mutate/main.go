// Command mutate plants known faults in the engine, one at a time, and sees that the tests catch each. It is the proof
// that the tests would notice: that none of them passes whatever the engine does.
//
//	go run ./internal/mutate [-run regexp] [-list] [-v]
//
// A fault is a small change of the source. The go command is given the changed copy of a file by its flag -overlay, so
// that the working tree is never touched, and the engine itself has no switch for it. At first the tests are run without
// any fault, and must pass. It prints a table in Markdown, and fails if a fault was not caught.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"

	"github.com/flowfabric/ffsqlite/clock"
)

func main() {
	run := flag.String("run", "", "plant only the faults whose words match")
	list := flag.Bool("list", false, "list the faults and plant none")
	verbose := flag.Bool("v", false, "print what the tests say that catch a fault")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := mutate(ctx, *run, *list, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate(ctx context.Context, pattern string, list, verbose bool) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	var chosen []fault
	for _, f := range faults {
		if wanted.MatchString(f.what) {
			chosen = append(chosen, f)
		}
	}
	if list {
		for _, f := range chosen {
			fmt.Printf("%s: %s\n", f.where(), f.what)
		}
		return nil
	}
	bench, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer bench.close()
	if verbose {
		bench.say = os.Stderr
	}
	if err := bench.passes(ctx, chosen); err != nil {
		return err
	}
	return plantAll(ctx, bench, chosen)
}

// plantAll plants the faults one by one and prints what became of each.
func plantAll(ctx context.Context, bench *bench, chosen []fault) error {
	fmt.Print("| fault | where | caught by | seconds |\n| --- | --- | --- | ---: |\n")
	missed := 0
	for _, f := range chosen {
		start := clock.System().Now()
		caught, err := bench.plant(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.what, err)
		}
		if caught == "" {
			caught = "**nothing**"
			missed++
		}
		seconds := clock.System().Now().Sub(start).Seconds()
		fmt.Printf("| %s | %s | %s | %.0f |\n", f.what, f.where(), caught, seconds)
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d faults were not caught", missed, len(chosen))
	}
	return nil
}
