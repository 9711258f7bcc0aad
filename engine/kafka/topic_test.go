package kafka

import (
	"testing"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/eventlog/eventlogtest"
)

func TestLogOfTwoServers(t *testing.T) {
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log {
		url := server.URL(t)
		return eventlogtest.Alternating(openLog(t, url), openLog(t, url))
	})
}

// everyCall makes each call that names a topic, and returns the errors.
func everyCall(t *testing.T, log *Log) map[string]error {
	t.Helper()
	ctx := t.Context()
	errs := map[string]error{"Commit": log.Commit(ctx, "views", topicName, 0, 1)}
	_, errs["Append"] = log.Append(ctx, topicName, record("ord_1", 0))
	_, errs["Read"] = log.Read(ctx, topicName, 0, 0, 1)
	_, errs["Ends"] = log.Ends(ctx, topicName)
	_, errs["Trim"] = log.Trim(ctx, topicName, eventlog.Retention{Bytes: 1})
	_, _, errs["Committed"] = log.Committed(ctx, "views", topicName, 0)
	return errs
}

// TestATopicThatWasMadeAnewIsNotTakenForTheOldOne deletes the topic of a log that is open, and makes it again.
func TestATopicThatWasMadeAnewIsNotTakenForTheOldOne(t *testing.T) {
	url := server.URL(t)
	log, other := openLog(t, url), openLog(t, url)
	create(t, log, 1)
	for name, err := range everyCall(t, log) {
		if err != nil {
			t.Fatalf("%s = %v", name, err)
		}
	}
	if _, err := other.admin.DeleteTopic(t.Context(), other.name(topicName)); err != nil {
		t.Fatal(err)
	}
	for name, err := range everyCall(t, log) {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of a deleted topic = %v, want NotFound", name, err)
		}
	}

	create(t, other, 1)
	if _, ok, err := other.Committed(t.Context(), "views", topicName, 0); ok || err != nil {
		t.Errorf("the offset of the group in the new topic = %v, %v; want none", ok, err)
	}
	for name, err := range everyCall(t, log) {
		if fault.CodeOf(err) != CodeReplaced {
			t.Errorf("%s of a topic that was made anew = %v, want code %s", name, err, CodeReplaced)
		}
	}
	if err := log.Create(t.Context(), topicName, 1); fault.CodeOf(err) != CodeReplaced {
		t.Errorf("Create of a topic that was made anew = %v, want code %s", err, CodeReplaced)
	}
	ends, err := other.Ends(t.Context(), topicName)
	if err != nil || ends[0].Next != 0 {
		t.Errorf("the new topic holds %v, %v; want nothing", ends, err)
	}
}

func TestATopicWithAnotherPolicyIsRefused(t *testing.T) {
	log := openLog(t, server.URL(t))
	compact := "compact"
	if _, err := log.admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &compact}, log.name(topicName)); err != nil {
		t.Fatal(err)
	}
	if err := log.Create(t.Context(), topicName, 1); !fault.Is(err, fault.Conflict) || fault.CodeOf(err) != CodeConfig {
		t.Errorf("Create = %v, want Conflict with code %s", err, CodeConfig)
	}
}

func TestTooFewBrokersAreNamed(t *testing.T) {
	log := openLog(t, server.URL(t))
	log.replicas = 3
	if err := log.Create(t.Context(), topicName, 1); !fault.Is(err, fault.Conflict) {
		t.Errorf("Create with 3 replicas on one broker = %v, want Conflict", err)
	}
}

// TestForeignRecordsAreNamed reads a record that another program has written to the topic.
func TestForeignRecordsAreNamed(t *testing.T) {
	log := openLog(t, server.URL(t))
	create(t, log, 1)
	foreign := encode(log.name(topicName), 1, []eventlog.Record{record("ord_1", 0)})
	foreign[0].Headers = nil
	if err := log.client.ProduceSync(t.Context(), foreign...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Read(t.Context(), topicName, 0, 0, 1); !fault.Is(err, fault.Internal) {
		t.Errorf("Read = %v, want an error that is not retried", err)
	}
}

// BenchmarkWake measures the time from the begin of an append on one server until a reader of another one has the record.
func BenchmarkWake(b *testing.B) {
	url := server.URL(b)
	writing, reading := openLog(b, url), openLog(b, url)
	create(b, writing, 1)
	next := int64(0)
	waits := func() <-chan error {
		woken := make(chan error, 1)
		go func() {
			err := reading.Wait(b.Context(), topicName, 0, next)
			if err == nil {
				_, err = reading.Read(b.Context(), topicName, 0, next, 1)
			}
			woken <- err
		}()
		return woken
	}
	for b.Loop() {
		woken := waits()
		if _, err := writing.Append(b.Context(), topicName, record("ord_1", 0)); err != nil {
			b.Fatal(err)
		}
		if err := <-woken; err != nil {
			b.Fatal(err)
		}
		next++
	}
}
