package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S28_Derivation(t *testing.T) {
	type vector = messages.StateVector
	terminal := func(outcome messages.TerminalOutcome) vector {
		return vector{LifecyclePhase: messages.PhaseTerminal, TerminalOutcome: outcome}
	}
	runnable := func(eligibility messages.EligibilityState) vector {
		return vector{LifecyclePhase: messages.PhaseRunnable, EligibilityState: eligibility}
	}
	active := func(ownership messages.OwnershipState) vector {
		return vector{LifecyclePhase: messages.PhaseActive, OwnershipState: ownership}
	}
	for _, test := range []struct {
		name   string
		vector vector
		want   messages.PublicState
	}{
		{"success", terminal(messages.OutcomeSuccess), messages.PublicCompleted},
		{"failed", terminal(messages.OutcomeFailed), messages.PublicFailed},
		{"cancelled", terminal(messages.OutcomeCancelled), messages.PublicCancelled},
		{"expired", terminal(messages.OutcomeExpired), messages.PublicExpired},
		{"skipped", terminal(messages.OutcomeSkipped), messages.PublicSkipped},
		{"terminal without outcome", terminal(messages.OutcomeNone), messages.PublicFailed},
		{"suspended", vector{LifecyclePhase: messages.PhaseSuspended}, messages.PublicSuspended},
		{"leased", active(messages.OwnershipLeased), messages.PublicActive},
		{"lease expired", active(messages.OwnershipLeaseExpiredReclaimable), messages.PublicActive},
		{"lease revoked", active(messages.OwnershipLeaseRevoked), messages.PublicActive},
		{
			"submitted",
			vector{LifecyclePhase: messages.PhaseSubmitted, EligibilityState: messages.EligibleNow},
			messages.PublicWaiting,
		},
		{
			"submitted, delayed",
			vector{LifecyclePhase: messages.PhaseSubmitted, EligibilityState: messages.NotEligibleUntilTime},
			messages.PublicDelayed,
		},
		{"eligible", runnable(messages.EligibleNow), messages.PublicWaiting},
		{"delayed", runnable(messages.NotEligibleUntilTime), messages.PublicDelayed},
		{"dependencies", runnable(messages.BlockedByDependencies), messages.PublicWaitingChildren},
		{"budget", runnable(messages.BlockedByBudget), messages.PublicRateLimited},
		{"quota", runnable(messages.BlockedByQuota), messages.PublicRateLimited},
		{"route", runnable(messages.BlockedByRoute), messages.PublicWaiting},
		{"lane state", runnable(messages.BlockedByLaneState), messages.PublicWaiting},
		{"operator", runnable(messages.BlockedByOperator), messages.PublicWaiting},
		{"not applicable", runnable(messages.EligibilityNotApplicable), messages.PublicWaiting},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, test.vector.DerivePublicState())
			test.vector.PublicState = test.want
			require.True(t, test.vector.IsConsistent())
		})
	}
}

func TestSpec01_S29_ResumableIsConsistent(t *testing.T) {
	vector := messages.StateVector{
		LifecyclePhase:   messages.PhaseRunnable,
		OwnershipState:   messages.OwnershipUnowned,
		EligibilityState: messages.EligibleNow,
		BlockingReason:   messages.ReasonWaitingForWorker,
		TerminalOutcome:  messages.OutcomeNone,
		AttemptState:     messages.AttemptStateInterrupted,
	}
	consistent := func(state messages.PublicState) bool {
		vector.PublicState = state
		return vector.IsConsistent()
	}
	require.True(t, consistent(messages.PublicWaiting))
	require.True(t, consistent(messages.PublicResumable))
	require.False(t, consistent(messages.PublicActive))
	vector.AttemptState = messages.AttemptStatePendingFirst
	require.True(t, consistent(messages.PublicWaiting))
	require.False(t, consistent(messages.PublicResumable))
}

func TestSpec01_S30_ResumableRoundTrips(t *testing.T) {
	requireRoundTrip(t, messages.PublicResumable, `"resumable"`)
	state, ok := messages.NormalizePublicState("resumable")
	require.True(t, ok)
	require.Equal(t, messages.PublicResumable, state)
}

// checkNormalize checks that every canonical text is read as itself, the others as said, and nothing else is known.
func checkNormalize[T ~string](t *testing.T, normalize func(string) (T, bool), canonical []T, others map[string]T) {
	t.Helper()
	for _, value := range canonical {
		others[string(value)] = value
	}
	for raw, want := range others {
		got, ok := normalize(raw)
		require.True(t, ok, raw)
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{"zzz", "Terminal", "active "} {
		_, ok := normalize(raw)
		require.False(t, ok, raw)
	}
}

func TestSpec01_S31_LegacyLiterals(t *testing.T) {
	checkNormalize(t, messages.NormalizePhase,
		[]messages.LifecyclePhase{
			messages.PhaseSubmitted, messages.PhaseRunnable, messages.PhaseActive, messages.PhaseSuspended,
			messages.PhaseTerminal,
		},
		map[string]messages.LifecyclePhase{
			"cancelled": messages.PhaseTerminal, "completed": messages.PhaseTerminal, "failed": messages.PhaseTerminal,
			"expired": messages.PhaseTerminal, "pending": messages.PhaseRunnable, "eligible": messages.PhaseRunnable,
			"blocked": messages.PhaseRunnable,
		})
	checkNormalize(t, messages.NormalizeOwnership,
		[]messages.OwnershipState{
			messages.OwnershipUnowned, messages.OwnershipLeased, messages.OwnershipLeaseExpiredReclaimable,
			messages.OwnershipLeaseRevoked,
		},
		map[string]messages.OwnershipState{"released": messages.OwnershipUnowned})
	checkNormalize(t, messages.NormalizeEligibility,
		[]messages.EligibilityState{
			messages.EligibleNow, messages.NotEligibleUntilTime, messages.BlockedByDependencies,
			messages.BlockedByBudget, messages.BlockedByQuota, messages.BlockedByRoute, messages.BlockedByLaneState,
			messages.BlockedByOperator, messages.EligibilityNotApplicable,
		},
		map[string]messages.EligibilityState{
			"cancelled": messages.EligibilityNotApplicable, "pending_claim": messages.EligibleNow,
		})
	checkNormalize(t, messages.NormalizeAttemptState,
		[]messages.AttemptState{
			messages.AttemptStateNone, messages.AttemptStatePendingFirst, messages.AttemptStateRunning,
			messages.AttemptStateInterrupted, messages.AttemptStatePendingRetry, messages.AttemptStatePendingReplay,
			messages.AttemptStateTerminal,
		},
		map[string]messages.AttemptState{
			"pending": messages.AttemptStatePendingFirst, "pending_claim": messages.AttemptStatePendingFirst,
			"initial": messages.AttemptStatePendingFirst, "running": messages.AttemptStateRunning,
			"cancelled": messages.AttemptStateTerminal, "terminal_failed": messages.AttemptStateTerminal,
		})
	checkNormalize(t, messages.NormalizePublicState,
		[]messages.PublicState{
			messages.PublicWaiting, messages.PublicDelayed, messages.PublicRateLimited, messages.PublicWaitingChildren,
			messages.PublicActive, messages.PublicSuspended, messages.PublicResumable, messages.PublicCompleted,
			messages.PublicFailed, messages.PublicCancelled, messages.PublicExpired, messages.PublicSkipped,
		},
		map[string]messages.PublicState{
			"running": messages.PublicActive, "claimed": messages.PublicActive, "pending": messages.PublicWaiting,
			"eligible": messages.PublicWaiting,
		})
	checkNormalize(t, messages.NormalizeTerminalOutcome,
		[]messages.TerminalOutcome{
			messages.OutcomeNone, messages.OutcomeSuccess, messages.OutcomeFailed, messages.OutcomeCancelled,
			messages.OutcomeExpired, messages.OutcomeSkipped,
		},
		map[string]messages.TerminalOutcome{
			"failure": messages.OutcomeFailed, "completed": messages.OutcomeSuccess, "": messages.OutcomeNone,
		})
	checkNormalize(t, messages.NormalizeAttemptOutcome,
		[]messages.AttemptOutcome{
			messages.AttemptOutcomeSuccess, messages.AttemptOutcomeRetry, messages.AttemptOutcomeFailed,
			messages.AttemptOutcomeCancelled, messages.AttemptOutcomeExpired, messages.AttemptOutcomeSkipped,
			messages.AttemptOutcomeSuspended, messages.AttemptOutcomeInterrupted,
			messages.AttemptOutcomeWaitingChildren, messages.AttemptOutcomeInterruptedReclaimed,
			messages.AttemptOutcomeLeaseExpired,
		},
		map[string]messages.AttemptOutcome{
			"failure": messages.AttemptOutcomeFailed, "completed": messages.AttemptOutcomeSuccess, "": "",
		})
	checkNormalize(t, messages.NormalizeBlockingReason,
		[]messages.BlockingReason{
			messages.ReasonNone, messages.ReasonWaitingForWorker, messages.ReasonWaitingForRetryBackoff,
			messages.ReasonWaitingForResumeDelay, messages.ReasonWaitingForDelay, messages.ReasonWaitingForSignal,
			messages.ReasonWaitingForApproval, messages.ReasonWaitingForCallback, messages.ReasonWaitingForToolResult,
			messages.ReasonWaitingForChildren, messages.ReasonWaitingForBudget, messages.ReasonWaitingForQuota,
			messages.ReasonWaitingForCapableWorker, messages.ReasonWaitingForLocalityMatch,
			messages.ReasonPausedByOperator, messages.ReasonPausedByPolicy, messages.ReasonPausedByFlowCancel,
		},
		map[string]messages.BlockingReason{"": messages.ReasonNone})

	requireInvalid(t, messages.UnknownValueError("lifecycle_phase", "zzz"), messages.CodeCorruption,
		"exec_core: lifecycle_phase: 'zzz' is not a known value")
}

func TestSpec01_S37_AttemptLifecycle(t *testing.T) {
	for state, terminal := range map[messages.AttemptLifecycle]bool{
		messages.AttemptCreated: false, messages.AttemptStarted: false, messages.AttemptSuspended: false,
		messages.AttemptEndedSuccess: true, messages.AttemptEndedFailure: true, messages.AttemptEndedCancelled: true,
		messages.AttemptInterruptedReclaimed: true,
	} {
		require.Equal(t, terminal, state.IsTerminal(), state)
	}
}

func TestPublicState_IsTerminal(t *testing.T) {
	for _, outcome := range []messages.TerminalOutcome{
		messages.OutcomeSuccess, messages.OutcomeFailed, messages.OutcomeCancelled, messages.OutcomeExpired,
		messages.OutcomeSkipped,
	} {
		require.True(t, outcome.PublicState().IsTerminal(), outcome)
	}
	require.False(t, messages.PublicResumable.IsTerminal())
	require.False(t, messages.PublicActive.IsTerminal())
}

func TestPublicFlowState(t *testing.T) {
	for state, want := range map[messages.PublicFlowState]struct {
		terminal bool
		status   messages.FlowStatus
	}{
		messages.FlowOpen:      {false, messages.FlowStatusActive},
		messages.FlowRunning:   {false, messages.FlowStatusActive},
		messages.FlowBlocked:   {false, messages.FlowStatusActive},
		messages.FlowCompleted: {true, messages.FlowStatusCompleted},
		messages.FlowFailed:    {true, messages.FlowStatusFailed},
		messages.FlowCancelled: {true, messages.FlowStatusCancelled},
		"terminal":             {true, messages.FlowStatusUnknown},
		"odd":                  {false, messages.FlowStatusUnknown},
	} {
		require.Equal(t, want.terminal, state.IsTerminal(), state)
		require.Equal(t, want.status, state.Status(), state)
	}
}
