package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processorTime is what this process has used of the processors.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// diskBytes is what this process has sent to the storage layer.
func diskBytes() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

// machineBusy is the processor time, in seconds, that the machine was not idle.
func machineBusy() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	const ticks = 100
	var busy float64
	for i, field := range strings.Fields(line) {
		switch i {
		case 1, 2, 3, 6, 7, 8: // All but idle, waiting for disks, and guests, which count twice.
			n, _ := strconv.ParseFloat(field, 64)
			busy += n / ticks
		}
	}
	return busy
}

// flushDisks has the system write what it holds back, so that it does not do so during a measurement.
func flushDisks() { syscall.Sync() }

// pause sleeps in the kernel: on an idle process time.Sleep rounds up to the poller's millisecond, which would hide
// everything faster than that.
func pause(d time.Duration) {
	span := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&span, nil) // A shorter pause does no harm.
}
