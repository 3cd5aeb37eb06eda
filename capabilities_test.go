package ffsqlite_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What the engine says it is and can do: 01 §9 and its scenario 55.

// methodOf names the method that a flag stands for, where that is not the flag's own name.
var methodOf = map[string]string{
	"BudgetAdmin":              "CreateBudget",
	"QuotaAdmin":               "CreateQuotaPolicy",
	"CancelFlowWaitTimeout":    "CancelFlow",
	"CancelFlowWaitIndefinite": "CancelFlow",
	"StreamDurableSummary":     "ReadSummary",
	"StreamBestEffortLive":     "AppendFrame",
}

func TestSpec01_S55_AFlagIsTrueIfItsMethodIsThere(t *testing.T) {
	e := open(t)
	supports := reflect.ValueOf(e.Capabilities().Supports)
	require.Equal(t, 34, supports.NumField())
	backend := reflect.TypeFor[*ffsqlite.Backend]()
	for i := range supports.NumField() {
		name := supports.Type().Field(i).Name
		method := name
		if other := methodOf[name]; other != "" {
			method = other
		}
		_, there := backend.MethodByName(method)
		require.Equal(t, there, supports.Field(i).Bool(), "%s, which is the method %s", name, method)
	}
}

func TestSpec01_S55_Identity(t *testing.T) {
	e := open(t)
	require.NoError(t, e.Close())
	want := messages.BackendIdentity{
		Family:      "sqlite",
		Version:     messages.BackendVersion{Major: ffsqlite.Version[0], Minor: ffsqlite.Version[1], Patch: ffsqlite.Version[2]},
		RFC017Stage: "Phase-4",
	}
	require.Equal(t, want, e.Capabilities().Identity)
	require.Equal(t, "sqlite", e.BackendLabel(), "also after Close")
	outcome, err := e.Prepare(t.Context())
	require.NoError(t, err)
	require.Equal(t, messages.PrepareNoop, outcome.Outcome)
}

func TestSpec02_S37_WhatAFlagPromisesIsThere(t *testing.T) {
	e := open(t)
	backend, supports := reflect.ValueOf(e.Backend), reflect.ValueOf(e.Capabilities().Supports)
	for i := range supports.NumField() {
		name := supports.Type().Field(i).Name
		if !supports.Field(i).Bool() {
			continue
		}
		if other := methodOf[name]; other != "" {
			name = other
		}
		method := backend.MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for n := 1; n < method.Type().NumIn(); n++ {
			args = append(args, reflect.Zero(method.Type().In(n)))
		}
		results := method.Call(args)
		if err, failed := results[len(results)-1].Interface().(error); failed {
			require.NotErrorIs(t, err, messages.ErrUnavailable, name)
		}
	}
}
