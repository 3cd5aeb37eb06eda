package messages

// OutcomeOfEnded tells how an execution has ended from what its rows say: the outcome stamped on it, else its phase and
// public state, else the outcome of its current attempt, else failed. Texts of other writers are read as
// [CompletionOutcomeOf] reads them.
func OutcomeOfEnded(stamped, phase, public, attempt string) CompletionOutcome {
	if stamped != "" && stamped != string(OutcomeNone) {
		return CompletionOutcomeOf(stamped)
	}
	if phase == "cancelled" || public == string(PublicCancelled) {
		return CompletionCancelled
	}
	switch public {
	case string(PublicCompleted):
		return CompletionSuccess
	case string(PublicFailed), string(PublicExpired), string(PublicSkipped):
		return CompletionOutcome(public)
	}
	switch outcome := CompletionOutcomeOf(attempt); outcome {
	case CompletionSuccess, CompletionFailed, CompletionCancelled, CompletionExpired, CompletionSkipped:
		return outcome
	case CompletionResumable:
	}
	return CompletionFailed
}
