// Package subscribers delivers committed events to the loops of callers: the last step of the way that an event takes
// from the writer through the fan-out.
//
// A [Hub] stands for one outbox family. The fan-out publishes to it what a transaction made true, and the hub leaves
// it in the mailbox of every [Subscription] that wants it. The loop over [Subscription.Events] empties that mailbox on
// the caller's goroutine. A subscription has no goroutine, no timer, no statement and no open transaction of its own.
//
// The push is only the fast path; the outbox is the truth. The one invariant: a subscription yields the matching rows
// with an id greater than its cursor, each once, in the order of their ids. Whatever else happens (a full mailbox, a
// fan-out that lags, a read that fails), it costs time, never an event.
//
// There is no SQL here and no actor: rows come through [Outbox], and [Hub.Publish] is called by whoever fans out.
//
// # States of a subscription
//
//	Subscribe(tail)                          Subscribe(cursor)
//	      │                                         │
//	      ▼      the mailbox cannot take a batch    ▼
//	  ┌────────┐ ──────────────────────────────▶ ┌─────────┐
//	  │  live  │                                 │ lagging │──┐ a page from the tail in
//	  └────────┘ ◀────────────────────────────── └─────────┘◀─┘ memory, else from the outbox
//	      │       position = published position,      │
//	      │       seen under the hub's lock           │
//	      │                                           │
//	      └─────────────────────┬─────────────────────┘
//	                            │ Close, the end of the Subscribe context,
//	                            │ a closed hub (after what the mailbox holds),
//	                            ▼ a bad row, an outbox that cannot be read
//	                        ┌───────┐
//	                        │ ended │
//	                        └───────┘
//
// A live subscription is offered every batch. A lagging one is skipped, so that it loses wake-ups and nothing else;
// its own loop reads on from its position, a page at a time, and turns live again under the lock under which the hub
// publishes. Nobody waits for a loop that does not run.
//
// # Bounds
//
// Every bound is a constant of limits.go: the events of a mailbox ([SubscriberBuffer]), the rows of a page
// ([PageRows]), the events that a family keeps in memory ([TailEvents]), the reads at a time ([CatchUpReads]) and the
// tries of one read ([ReadTries]).
//
// # Filters
//
// A filter on the namespace or on the instance tag is an index of the hub, so that an event costs work in proportion
// to the subscriptions that it matches plus the unfiltered ones. A filter on another tag cannot be decided from the
// row; the loop looks up the execution's tag when it is about to yield the event.
package subscribers
