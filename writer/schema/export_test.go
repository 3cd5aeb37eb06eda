package schema

// ApplyFrom is Apply with migrations of the test's own.
var ApplyFrom = apply
