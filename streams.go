package ffsqlite

import (
	"context"
	"errors"

	"github.com/flowfabric/ffsqlite/messages"
)

// AppendFrame appends a frame to the output stream of the handle's attempt and returns its id, which is above that of
// every frame before it. A summary frame is also folded into the summary document of the attempt, as a JSON merge patch.
// Durable and summary frames are kept, the newest ones if the execution's stream policy limits them; best-effort frames
// are kept for at most twice their TTL, and not all of them. When AppendFrame returns, the frame is on disk, and the
// tails of this stream, no others, have been woken.
//
// A repeated call appends a second frame. It returns ErrStreamClosed if the execution does not run any more,
// ErrStaleOwnerCannotAppend if the lease ran out or was revoked, ErrLeaseConflict if the handle is stale,
// ErrRetentionLimitExceeded for more than messages.MaxFrameBytes, ErrInvalidInput for a patch that is none.
func (b *Backend) AppendFrame(
	ctx context.Context, handle messages.Handle, frame messages.Frame,
) (messages.AppendFrameOutcome, error) {
	return call[messages.AppendFrameOutcome](ctx, b, messages.AppendFrameArgs{Handle: handle, Frame: frame})
}

// ReadStream returns the frames of an attempt from one cursor to another, both included, in the order in which they were
// appended, and whether the stream has ended: the page says so also when more frames follow. To go on, read from the last
// id and drop the first frame. An attempt that does not exist has an empty, open stream.
func (b *Backend) ReadStream(ctx context.Context, args messages.ReadStreamArgs) (messages.StreamFrames, error) {
	return call[messages.StreamFrames](ctx, b, args)
}

// TailStream returns the frames behind a cursor. When there are none that it may see, it waits for the first, up to
// Block, without polling; an open page without frames says that the time has passed. A stream that has ended, or ends
// while the call waits, is answered at once. While it waits, the call holds nothing but its goroutine. The end of ctx
// ends it with the context's error, the close of the engine with an empty page.
func (b *Backend) TailStream(ctx context.Context, args messages.TailStreamArgs) (messages.StreamFrames, error) {
	return call[messages.StreamFrames](ctx, b, args)
}

// ReadSummary returns the summary document of an attempt, nil when no summary frame was ever appended to it.
// ErrCorruption says that the stored document cannot be read.
func (b *Backend) ReadSummary(
	ctx context.Context, id messages.ExecutionID, attempt messages.AttemptIndex,
) (*messages.SummaryDocument, error) {
	return call[*messages.SummaryDocument](ctx, b, messages.ReadSummaryArgs{ExecutionID: id, AttemptIndex: attempt})
}

func (e *engine) readStream(ctx context.Context, args messages.ReadStreamArgs) (messages.Reply, error) {
	leave, err := e.gate.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if fault := e.actors.Fault(); fault != nil {
		return nil, fault
	}
	return e.reader.Read(ctx, args)
}

// tailStream registers for wake-ups first, then reads, then waits: no commit is missed in between.
func (e *engine) tailStream(ctx context.Context, args messages.TailStreamArgs) (messages.StreamFrames, error) {
	leave, err := e.gate.enter()
	if err != nil {
		return messages.StreamFrames{}, err
	}
	defer leave()
	tail := e.tails.Join(args.ExecutionID, args.AttemptIndex, args.Visibility)
	defer e.tails.Leave(args.ExecutionID, tail)
	var passed chan struct{}
	for {
		page, err := e.peekStream(ctx, args)
		if err != nil || len(page.Frames) > 0 || page.Closed() || args.Block == 0 {
			return page, err
		}
		if passed == nil {
			passed = make(chan struct{})
			timer := e.clock.AfterFunc(args.Block, func() { close(passed) })
			defer timer.Stop()
		}
		select {
		case <-tail.Woken():
		case <-passed:
			return page, nil
		case <-e.gate.shut:
			return page, nil
		case <-e.actors.Closing():
			return page, nil
		case <-ctx.Done():
			return messages.StreamFrames{}, ctx.Err()
		}
	}
}

// peekStream reads what is there now. A read that the close of the engine ends finds nothing.
func (e *engine) peekStream(ctx context.Context, args messages.TailStreamArgs) (messages.StreamFrames, error) {
	if fault := e.actors.Fault(); fault != nil {
		return messages.StreamFrames{}, fault
	}
	reply, err := e.reader.Read(ctx, args)
	if e.actors.Closed() && errors.Is(err, messages.ErrUnavailable) {
		return messages.StreamFrames{Frames: []messages.StreamFrame{}}, nil
	}
	page, ok := reply.(messages.StreamFrames)
	if err == nil && !ok {
		err = messages.BugError("tail_stream: no page")
	}
	return page, err
}
