// Package analytics takes in events and counts each of them exactly once.
//
// The log is the truth. Each input is a record of it before it is anything else: a batch of events in columns, a tick that
// closes an epoch, an erasure. All that follows is a fold of the log. A fold reads no clock and does no I/O, so that one log
// gives the same bytes of state and the same files, in batches of any size, and with any crash in between.
package analytics
