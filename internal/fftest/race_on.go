//go:build race

package fftest

// RaceDetector tells that the tests were built with it, which makes SQLite some ten times slower.
const RaceDetector = true
