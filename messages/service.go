package messages

// PingArgs asks whether the database can be read.
type PingArgs struct{}

// Validate implements [Validator].
func (PingArgs) Validate() error { return nil }

// ServerTimeMsArgs asks for the clock of the engine; the reply is a [TimestampMs].
type ServerTimeMsArgs struct{}

// Validate implements [Validator].
func (ServerTimeMsArgs) Validate() error { return nil }
