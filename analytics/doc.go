// Package analytics takes in events and counts each of them exactly once.
//
// The log is the truth. Each input is a record of it before it is anything else: a batch of events in columns, a tick that
// closes an epoch, an erasure. All that follows is a fold of the log. A fold reads no clock and does no I/O, so that one log
// gives the same bytes of state and the same files, in batches of any size, and with any crash in between.
//
//	Builder ─▶ EventLog ─▶ Worker: one part a partition (repeats, windows, books, cuts) ─▶ epoch ─▶ StateStore, one commit
//	                                                                                    └─▶ Files ─▶ Catalogue
//
// Windows are of event time. Their first revision is published when the watermark of their source has passed them, and each
// later epoch that changes them publishes another: no event is too late. Books says at each moment where all that was
// accepted is, and Find where one event is.
//
// The simulation in sim_test.go runs this code on stores that fail, and mutants_test.go breaks each rule to show that it
// would notice.
package analytics
