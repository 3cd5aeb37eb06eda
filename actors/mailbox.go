package actors

import (
	"runtime"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// callerMailbox is the mailbox of the writer. A request that finds the writer at rest is run by the goroutine that sends
// it, if that is sure to wait for the answer: so a call on an idle engine wakes no other goroutine before its commit. As
// soon as that request is settled, the rest of the mail goes on in a goroutine of its own. The order is that of sending,
// and one message is processed at a time, as in every mailbox.
type callerMailbox struct {
	invoker actor.MessageInvoker

	lock      sync.Mutex
	user      []any // sent, in order
	system    []any // the same, processed before user messages
	running   bool
	suspended bool
	batch     []any // taken from user, to be processed before what is sent now
	next      int   // in batch
}

func newCallerMailbox() actor.Mailbox { return &callerMailbox{} }

// RegisterHandlers implements actor.Mailbox. The mailbox chooses its goroutines itself.
func (m *callerMailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements actor.Mailbox.
func (m *callerMailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *callerMailbox) UserMessageCount() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.user) + len(m.batch) - m.next
}

// PostUserMessage implements actor.Mailbox.
func (m *callerMailbox) PostUserMessage(message any) {
	m.lock.Lock()
	m.user = append(m.user, message)
	starts := !m.running && !m.suspended
	m.running = m.running || starts
	m.lock.Unlock()
	if !starts {
		return
	}
	if r, ok := message.(*request); ok && r.stays {
		m.run(r)
		return
	}
	go m.run(nil)
}

// PostSystemMessage implements actor.Mailbox.
func (m *callerMailbox) PostSystemMessage(message any) {
	m.lock.Lock()
	m.system = append(m.system, message)
	starts := !m.running
	m.running = true
	m.lock.Unlock()
	if starts {
		go m.run(nil)
	}
}

// run processes messages until there are none, or, for the goroutine of a caller, until its own request is settled. A
// panic that its actor did not recover is told to the supervisor, and the rest goes on.
func (m *callerMailbox) run(own *request) {
	var message any
	defer func() {
		if cause := recover(); cause != nil {
			m.invoker.EscalateFailure(cause, message)
			go m.run(nil)
		}
	}()
	const turn = 300 // messages before others get the processor
	for n := 1; ; n++ {
		if n%turn == 0 {
			runtime.Gosched()
		}
		var system bool
		message, system = m.take()
		switch {
		case message == nil:
			return
		case system:
			m.invokeSystem(message)
		default:
			m.invoker.InvokeUserMessage(message)
		}
		if own != nil && own.settled() {
			m.handOver()
			return
		}
	}
}

// take returns the next message. When there is none, it ends the run and returns nil.
func (m *callerMailbox) take() (message any, system bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if !m.ready() {
		m.running = false
		return nil, false
	}
	if len(m.system) > 0 {
		message, m.system = m.system[0], m.system[1:]
		return message, true
	}
	if m.next == len(m.batch) {
		m.batch, m.user, m.next = m.user, m.batch[:0], 0
	}
	message, m.batch[m.next] = m.batch[m.next], nil
	m.next++
	return message, false
}

// ready reports whether there is a message to process. The lock is held.
func (m *callerMailbox) ready() bool {
	return len(m.system) > 0 || !m.suspended && m.next < len(m.batch)+len(m.user)
}

// handOver ends the run of a caller; what is left goes on without it.
func (m *callerMailbox) handOver() {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.running = m.ready()
	if m.running {
		go m.run(nil)
	}
}

func (m *callerMailbox) invokeSystem(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		m.invoker.InvokeSystemMessage(message)
	}
}

func (m *callerMailbox) suspend(suspended bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.suspended = suspended
}
