// Package fftest holds what the tests of several packages share: plain SQL on the rows of an engine, a file system that
// counts and fails on demand, and the switch for long tests. It is imported by tests only and knows nothing of the
// engine, so that what it reports does not depend on the code under test.
package fftest
