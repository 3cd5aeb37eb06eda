package actors

import (
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// keep makes a claim that found nothing wait for work. It returns the answer when the claim cannot wait: too many do, or
// its caller is leaving.
func (a *writerActor) keep(r *request, nothing *writer.Answer) *writer.Answer {
	if a.writer.WaitingClaims() >= a.limits.WaitingClaims {
		most := uint32(a.limits.WaitingClaims) //nolint:gosec // An option, far below 2^32.
		return &writer.Answer{Err: messages.ResourceExhaustedError("waiting_claims", most)}
	}
	if !r.PutBack() {
		return nothing
	}
	a.writer.Wait(r, r.message)
	return nil
}

// dismiss answers all waiting claims with an error.
func (a *writerActor) dismiss(why func(*request) error) {
	for _, w := range a.writer.DropWaiting() {
		if r, ok := w.(*request); ok && r.Take() {
			r.respond(nil, why(r))
		}
	}
}

// waits reports whether a claim that finds nothing is to wait for work.
func waits(m messages.Mutation) bool {
	switch args := m.(type) {
	case messages.ClaimWaitArgs:
		return true
	case messages.ClaimArgs:
		return args.Policy.MaxWait > 0
	}
	return false
}

func isNothing(reply messages.Reply) bool {
	switch r := reply.(type) {
	case messages.ClaimNextResult:
		return r.Task == nil
	case messages.ClaimReply:
		return r.Handle == nil
	}
	return false
}
