package writer

import (
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// move is a change of an execution from one public state to another, and what makes it.
type move struct {
	from, to messages.PublicState
	by       string
}

// Where moves may begin besides the states themselves.
const (
	nowhere messages.PublicState = "nowhere" // before the execution exists
	live    messages.PublicState = "live"    // any state that is no end
	ended   messages.PublicState = "ended"   // any end
)

// moves are all that there are: storing an execution refuses every other one. The diagram in docs/executions.md shows
// them.
var moves = []move{
	{nowhere, messages.PublicWaiting, "CreateExecution"},
	{nowhere, messages.PublicDelayed, "CreateExecution with a delay"},
	{nowhere, messages.PublicActive, "CreateExecution while a claim waits"},
	{nowhere, messages.PublicWaitingChildren, "SubmitFlow with dependencies"},
	{messages.PublicWaiting, messages.PublicActive, "claim"},
	{messages.PublicWaiting, messages.PublicWaitingChildren, "a dependency is applied"},
	{messages.PublicWaiting, messages.PublicRateLimited, "a budget or quota is used up"},
	{messages.PublicDelayed, messages.PublicWaiting, "its time has come"},
	{messages.PublicDelayed, messages.PublicWaitingChildren, "a dependency is applied"},
	{messages.PublicRateLimited, messages.PublicWaiting, "the budget or quota allows it again"},
	{messages.PublicRateLimited, messages.PublicWaitingChildren, "a dependency is applied"},
	{messages.PublicWaitingChildren, messages.PublicWaiting, "the dependencies are met"},
	{messages.PublicWaitingChildren, messages.PublicDelayed, "the dependencies are met before its time"},
	{messages.PublicActive, messages.PublicWaiting, "Fail with a retry at once, RevokeLease"},
	{messages.PublicActive, messages.PublicDelayed, "Fail with a backoff, Delay"},
	{messages.PublicActive, messages.PublicWaitingChildren, "WaitChildren"},
	{messages.PublicActive, messages.PublicSuspended, "Suspend"},
	{messages.PublicSuspended, messages.PublicResumable, "its condition is met"},
	{messages.PublicSuspended, messages.PublicWaiting, "ResumeExecution"},
	{messages.PublicSuspended, messages.PublicDelayed, "ResumeExecution with a delay"},
	{messages.PublicResumable, messages.PublicActive, "claim"},
	{messages.PublicActive, messages.PublicCompleted, "Complete"},
	{messages.PublicActive, messages.PublicFailed, "Fail without a retry, too many reclaims"},
	{messages.PublicSuspended, messages.PublicFailed, "the suspension times out"},
	{live, messages.PublicCancelled, "Cancel, CancelExecution, CancelFlow"},
	{live, messages.PublicExpired, "its deadline or timeout has passed"},
	{live, messages.PublicSkipped, "the dependencies cannot be met any more"},
	{ended, messages.PublicWaiting, "ReplayExecution"},
	{ended, messages.PublicWaitingChildren, "ReplayExecution of a blocked member"},
}

var legalMoves = func() map[[2]messages.PublicState]bool {
	legal := make(map[[2]messages.PublicState]bool, len(moves))
	for _, m := range moves {
		legal[[2]messages.PublicState{m.from, m.to}] = true
	}
	return legal
}()

// legal reports whether an execution may move so. One that is resumable may do all that a waiting one may.
func legal(from, to messages.PublicState) bool {
	may := func(from messages.PublicState) bool { return legalMoves[[2]messages.PublicState{from, to}] }
	switch {
	case from == to || from == "":
		return true
	case from.IsTerminal():
		return may(ended)
	case from == messages.PublicResumable && may(messages.PublicWaiting):
		return true
	}
	return may(from) || from != nowhere && may(live)
}

// checkMove refuses to store an execution in a state that its former one does not lead to.
func (x *execution) checkMove() error {
	to := x.state()
	if !legal(x.was, to) {
		return messages.BugError(fmt.Sprintf("execution %s may not go from %s to %s", x.executionID(), x.was, to))
	}
	x.was = to
	return nil
}

// state is the public state that phase and eligibility imply, "" where they cannot be read. What other programs left in
// public_state counts only where nothing else can tell.
func (x *execution) state() messages.PublicState {
	phase, ok := messages.NormalizePhase(x.phase)
	if !ok {
		return ""
	}
	public, _ := messages.NormalizePublicState(x.public)
	switch {
	case phase == messages.PhaseTerminal && !public.IsTerminal():
		return messages.PublicFailed
	case phase == messages.PhaseTerminal:
		return public
	case x.runnable() && public == messages.PublicResumable:
		return public
	}
	eligibility, _ := messages.NormalizeEligibility(x.eligibility)
	return messages.StateVector{LifecyclePhase: phase, EligibilityState: eligibility}.DerivePublicState()
}
