package database_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec02_S23_BusyClassification(t *testing.T) {
	for _, code := range []sqlite3.ExtendedErrorCode{5, 6, 261, 517, 773, 262, 518} {
		require.True(t, database.IsBusy(code), code)
		require.True(t, database.IsBusy(fmt.Errorf("begin: %w", code)), code)
		require.True(t, database.IsBusy(messages.TransportError(code)), code)
	}
	for _, code := range []sqlite3.ExtendedErrorCode{11, 13, 21, 266, 2067} {
		require.False(t, database.IsBusy(code), code)
	}
	require.True(t, database.IsBusy(sqlite3.BUSY))
	require.False(t, database.IsBusy(errors.New("busy")))
	require.False(t, database.IsBusy(nil))
}

func TestSpec02_S24_Retry(t *testing.T) {
	for _, test := range []struct {
		name    string
		results []error
		calls   int
		slept   time.Duration
		want    error
	}{
		{"success", []error{nil}, 1, 0, nil},
		{"always busy", []error{sqlite3.BUSY, sqlite3.LOCKED, sqlite3.BUSY_SNAPSHOT}, 3, 15 * time.Millisecond, messages.ErrRetryExhausted},
		{"not busy", []error{sqlite3.FULL}, 1, 0, messages.ErrTransport},
		{"no result code", []error{context.Canceled}, 1, 0, context.Canceled},
		{"busy once", []error{sqlite3.BUSY, nil}, 2, 5 * time.Millisecond, nil},
		{"busy, then broken", []error{sqlite3.BUSY, sqlite3.CORRUPT}, 2, 5 * time.Millisecond, sqlite3.CORRUPT},
		{"busy twice", []error{sqlite3.BUSY, sqlite3.BUSY, nil}, 3, 15 * time.Millisecond, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, start := 0, clock.System().Now()
				err := database.Retry(func() error {
					calls++
					return test.results[calls-1]
				})
				require.Equal(t, test.calls, calls)
				require.Equal(t, test.slept, clock.System().Now().Sub(start))
				if test.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, test.want)
			})
		})
	}
}

func TestSpec01_S54_WhatIsBusyIsTriedThreeTimes(t *testing.T) {
	tried := func(t *testing.T, results ...error) (calls int, slept time.Duration, err error) {
		t.Helper()
		start := clock.System().Now()
		err = database.Retry(func() error {
			calls++
			return results[min(calls, len(results))-1]
		})
		return calls, clock.System().Now().Sub(start), err
	}
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []sqlite3.ExtendedErrorCode{5, 6, 261, 517, 773, 262, 518} {
			calls, slept, err := tried(t, code)
			require.Equal(t, 3, calls, code)
			require.Equal(t, 15*time.Millisecond, slept, code)
			require.ErrorIs(t, err, messages.ErrRetryExhausted)
			require.ErrorIs(t, err, messages.ErrContention)
			var e *messages.Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, e.Err, messages.ErrTransport)
			require.ErrorIs(t, e.Err, code)

			calls, _, err = tried(t, code, code, nil)
			require.Equal(t, 3, calls, code)
			require.NoError(t, err)
		}
		for _, code := range []sqlite3.ExtendedErrorCode{11, 13, 21, 266, 2067} {
			calls, slept, err := tried(t, code)
			require.Equal(t, 1, calls, code)
			require.Zero(t, slept, code)
			require.ErrorIs(t, err, code)
		}
		stale := messages.StateError(messages.CodeStaleLease, "")
		calls, slept, err := tried(t, stale)
		require.Equal(t, 1, calls)
		require.Zero(t, slept)
		require.Same(t, stale, err)
	})
}

func TestRetry_ExhaustedHasItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := database.Retry(func() error { return sqlite3.BUSY })
		var e *messages.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, messages.ClassRetryable, e.Class())
		require.ErrorIs(t, e.Err, messages.ErrTransport)
		require.ErrorIs(t, err, sqlite3.BUSY)
	})
}

func TestClassify(t *testing.T) {
	require.Nil(t, database.Classify(nil))
	stale := messages.StateError(messages.CodeStaleLease, "")
	require.Same(t, stale, database.Classify(fmt.Errorf("renew: %w", stale)))
	require.ErrorIs(t, database.Classify(sqlite3.FULL), messages.ErrTransport)
	require.ErrorIs(t, database.Classify(sqlite3.FULL), sqlite3.FULL)
}

func TestIsFatalAndIsSyncFailure(t *testing.T) {
	for _, err := range []error{sqlite3.CORRUPT, sqlite3.CORRUPT_INDEX, sqlite3.NOTADB, messages.TransportError(sqlite3.CORRUPT)} {
		require.True(t, database.IsFatal(err), err)
	}
	for _, err := range []error{nil, sqlite3.BUSY, sqlite3.IOERR_FSYNC, errors.New("corrupt")} {
		require.False(t, database.IsFatal(err))
	}
	for _, err := range []error{sqlite3.IOERR_FSYNC, sqlite3.IOERR_DIR_FSYNC, messages.TransportError(sqlite3.IOERR_FSYNC)} {
		require.True(t, database.IsSyncFailure(err), err)
	}
	for _, err := range []error{nil, sqlite3.IOERR, sqlite3.IOERR_WRITE, sqlite3.CORRUPT} {
		require.False(t, database.IsSyncFailure(err))
	}
}
