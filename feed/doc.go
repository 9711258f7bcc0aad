// Package feed holds posts, who follows whom, and the home timelines that result.
//
// The log is the truth: a post, a deletion, a follow is a record of the log before it is anything else. Each server
// holds the newest records in its Tail. A Builder writes posts into the timelines of followers in runs, and a Reader
// merges three sources: the tail, the reader's stored timeline, and posts that it pulls from the PostStore because
// they were not pushed (fan-out on write, on read, and both: Silberstein et al., "Feeding Frenzy", SIGMOD 2010).
// So a post is visible at its append, whatever the fan-out does.
//
// A page says as of which positions of the log it is complete (see AsOf). Stores may be behind, ahead, lost or
// returned to an earlier state; a page is right all the same, because it uses of a store only what the positions prove.
// A server learns the epoch of the log from Epochs.Open, opens its tail with Builder.OpenTail, and then runs these loops:
// Builder.RunTail, Worker.Run, Epochs.Watch, Presence.Run and Hub.Run. A Node does all that. Service answers the requests of users.
//
// Live streams need no fan-out either: the Hub of a server matches each record that the tail folds with the streams that want it.
// A stream goes on at any server from the cursor of its last event, or from a page: see Hub.Open.
//
// The simulation in sim_test.go runs this code against such stores, and breaks each rule to show that it would notice.
package feed
