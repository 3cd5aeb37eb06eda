package messages

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// The JSON of a batch names each message by its method: [{"method":"renew","args":{…}}, …].

type batchJSON struct {
	Messages []batchedJSON `json:"messages"`
}

type batchedJSON struct {
	Method string          `json:"method"`
	Args   json.RawMessage `json:"args"`
}

// batched are the types of the messages that a batch may hold, by their methods.
var batched = func() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, m := range []Mutation{
		CreateExecutionArgs{},
		ClaimArgs{},
		ClaimNextArgs{},
		RenewArgs{},
		ProgressArgs{},
		AppendFrameArgs{},
		CompleteArgs{},
		FailArgs{},
		CancelArgs{},
		CancelExecutionArgs{},
		ChangePriorityArgs{},
		ReplayExecutionArgs{},
		RevokeLeaseArgs{},
		CancelFlowHeaderArgs{},
		AckCancelMemberArgs{},
		ProjectFlowSummaryArgs{},
		RenewLeaseArgs{},
		CompleteExecutionArgs{},
		FailExecutionArgs{},
		CreateFlowArgs{},
		AddExecutionToFlowArgs{},
		StageDependencyEdgeArgs{},
		ApplyDependencyToChildArgs{},
		CancelFlowArgs{},
		SetEdgeGroupPolicyArgs{},
		DrainSiblingCancelGroupArgs{},
		ReconcileSiblingCancelGroupArgs{},
		ResolveDependencyArgs{},
		CompletionPayload{},
		SubmitFlowArgs{},
		DelayArgs{},
		WaitChildrenArgs{},
		SetExecutionTagArgs{},
		SetFlowTagArgs{},
		PromoteDelayedArgs{},
		ExpireExecutionArgs{},
		MarkLeaseExpiredIfDueArgs{},
		TrimRetentionArgs{},
	} {
		types[m.Method()] = reflect.TypeOf(m)
	}
	return types
}()

// MarshalJSON writes the messages with the names of their methods. A batch that Validate refuses has no JSON.
func (a BatchArgs) MarshalJSON() ([]byte, error) {
	wire := batchJSON{Messages: make([]batchedJSON, len(a.Messages))}
	for i, m := range a.Messages {
		if !batchable(m) {
			return nil, AtElement(validateBatched(m), "messages", i)
		}
		args, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		wire.Messages[i] = batchedJSON{m.Method(), args}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads a batch; a method that a batch may not hold is refused as no mutation.
func (a *BatchArgs) UnmarshalJSON(text []byte) error {
	var wire batchJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	decoded := make([]Message, len(wire.Messages))
	for i, m := range wire.Messages {
		var err error
		if decoded[i], err = m.decode(); err != nil {
			return AtElement(err, "messages", i)
		}
	}
	a.Messages = decoded
	return nil
}

func (m batchedJSON) decode() (Message, error) {
	kind, ok := batched[m.Method]
	if !ok {
		return nil, validateBatched(nil)
	}
	args := reflect.New(kind)
	if err := json.Unmarshal(bytes.TrimSpace(m.Args), args.Interface()); err != nil {
		return nil, err
	}
	message, ok := args.Elem().Interface().(Message)
	if !ok {
		return nil, validateBatched(nil)
	}
	return message, nil
}
