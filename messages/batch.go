package messages

import (
	"errors"
	"fmt"
	"reflect"
)

// BatchMaxMessages is the most messages of a [BatchArgs].
const BatchMaxMessages = 10_000

// BatchArgs applies several mutations in one message, in order and all or nothing. The reply is a []Reply: at each
// position that of the message there.
type BatchArgs struct {
	Messages []Message
}

// Method returns "batch".
func (BatchArgs) Method() string { return "batch" }

func (BatchArgs) isMessage() {}

func (BatchArgs) isMutation() {}

// Validate implements [Validator]. Every message is checked, in order.
func (a BatchArgs) Validate() error {
	if err := validateCount("messages", len(a.Messages), 1, BatchMaxMessages); err != nil {
		return err
	}
	for i, m := range a.Messages {
		if err := validateBatched(m); err != nil {
			return AtElement(err, "messages", i)
		}
	}
	return nil
}

// validateCount checks the length of a list.
func validateCount(field string, n, least, most int) *Error {
	switch {
	case n < least:
		return InvalidField(field, mustNotBeEmpty)
	case n > most:
		return InvalidField(field, "more than %d (%d)", most, n)
	}
	return nil
}

// validateBatched checks a message as its own call would.
func validateBatched(m Message) error {
	if !batchable(m) {
		return ValidationError(CodeInvalidInput, "not a mutation")
	}
	if v, ok := m.(Validator); ok {
		return v.Validate()
	}
	return nil
}

// batchable reports whether a message is the arguments of one mutation, by value as the methods take them. Calls that
// wait, and batches in batches, are none.
func batchable(m Message) bool {
	switch args := m.(type) {
	case BatchArgs, ClaimWaitArgs:
		return false
	case ClaimArgs:
		return args.Policy.MaxWait <= 0
	case CancelFlowArgs:
		return !args.Wait.Waits()
	case Mutation:
		return reflect.TypeOf(m).Kind() != reflect.Pointer
	default:
		return false
	}
}

// AtElement says which element of a list an error is about: an [*Error] comes back as a copy whose detail begins with
// "list[i]: ", any other error as it is.
func AtElement(err error, list string, i int) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return e.Prefixed(fmt.Sprintf("%s[%d]: ", list, i))
}
