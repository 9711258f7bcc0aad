package eventlog

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/ident"
	"agora/pattern/eventlog"
	"agora/pattern/lead"
)

const (
	sharedTopic = "orders"
	sharedGroup = "views"
	sharedParts = 8
	// memberURL is the variable that makes the test binary a member of the group on the database at its value.
	memberURL = "AGORA_TEST_MEMBER_URL"
)

// runMember handles the partitions that this process leads, until its input ends, and returns its exit code.
func runMember(url string) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := shareGroup(ctx, url); err != nil {
		fmt.Fprintln(os.Stderr, "member:", err)
		return 1
	}
	return 0
}

func shareGroup(ctx context.Context, url string) (err error) {
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	log, err := Open(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	handle := func(ctx context.Context, batch []eventlog.Message) error {
		offsets := make([]int64, len(batch))
		for i, m := range batch {
			offsets[i] = m.Offset
		}
		_, err := db.Pool().Exec(ctx, `INSERT INTO handled (member, part, position)
			SELECT $1, $2, o.position FROM unnest($3::bigint[]) WITH ORDINALITY AS o (position, n) ORDER BY n`,
			os.Getpid(), batch[0].Partition, offsets)
		return err
	}
	share := lead.Share{Divider: log, Group: sharedGroup, Parts: sharedParts, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	return share.Run(ctx, func(ctx context.Context, part int) error {
		return eventlog.Consumer{
			Events: log, Topic: sharedTopic, Group: sharedGroup, Partitions: []int{part}, Handle: handle, Batch: 16,
		}.Run(ctx)
	})
}

// TestServersShareAGroup has four processes follow eight partitions. One is killed, and another is stopped and goes on.
func TestServersShareAGroup(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	log := openLog(t, url)
	if err := log.Create(t.Context(), sharedTopic, sharedParts); err != nil {
		t.Fatal(err)
	}
	postgrestest.Execute(t, url, "CREATE TABLE handled (id bigserial PRIMARY KEY, member bigint, part int, position bigint)")
	ctx, stop := context.WithCancel(t.Context())
	var appending sync.WaitGroup
	appending.Go(func() { appendUntil(ctx, t, log) })

	var members []*exec.Cmd
	for range 4 {
		members = append(members, startMember(t, url))
	}
	wantLeaders(t, log, "four members", 2, 2, 2, 2)
	signal(t, members[0], syscall.SIGKILL)
	wantLeaders(t, log, "one was killed", 2, 3, 3)
	if !testing.Short() { // a hung process keeps its leads for 5 s
		signal(t, members[1], syscall.SIGSTOP)
		wantLeaders(t, log, "another hangs", 4, 4)
		signal(t, members[1], syscall.SIGCONT)
		wantLeaders(t, log, "it goes on", 2, 3, 3)
	}
	stop()
	appending.Wait()
	waitUntilRead(t, log)
	wantOrder(t, log)
}

func appendUntil(ctx context.Context, t *testing.T, log *Log) {
	for ctx.Err() == nil {
		records := make([]eventlog.Record, 10)
		for i := range records {
			id := ident.New(ident.Event)
			records[i] = eventlog.Record{ID: id, Kind: "order.placed", Key: id, At: time.Now()}
		}
		if _, err := log.Append(context.WithoutCancel(ctx), sharedTopic, records...); err != nil {
			t.Error(err)
			return
		}
		time.Sleep(5 * time.Millisecond) // a load that leaves the processors to others
	}
}

// startMember starts a process that ends with the test.
func startMember(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	program := postgrestest.Must[string](t)(os.Executable())
	cmd := exec.CommandContext(t.Context(), program) // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), memberURL+"="+url)
	cmd.Stderr = t.Output()
	input := postgrestest.Must[io.WriteCloser](t)(cmd.StdinPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait() // killed, or ended by the end of its input
	})
	return cmd
}

func signal(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wantLeaders waits until each partition has one leader, and the leaders have as many partitions as wanted, in rising order.
func wantLeaders(t *testing.T, log *Log, when string, want ...int) {
	t.Helper()
	begin := time.Now()
	keys := make([]int64, sharedParts)
	for part := range keys {
		keys[part] = int64(crc32.ChecksumIEEE(fmt.Appendf(nil, "%s/%d", sharedGroup, part)))
	}
	for {
		rows, err := log.db.Pool().Query(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'
			AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid = to_regclass('topics')::oid AND objid::bigint = ANY ($1) GROUP BY pid ORDER BY 1`, keys)
		if err != nil {
			t.Fatal(err)
		}
		if got := postgrestest.Must[[]int](t)(pgx.CollectRows(rows, pgx.RowTo[int])); slices.Equal(got, want) {
			t.Logf("%s: the leaders have %v partitions after %v", when, got, time.Since(begin))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func waitUntilRead(t *testing.T, log *Log) {
	t.Helper()
	ends := postgrestest.Must[[]eventlog.Bounds](t)(log.Ends(t.Context(), sharedTopic))
	for part := 0; part < sharedParts; {
		next, _, err := log.Committed(t.Context(), sharedGroup, sharedTopic, part)
		if err != nil {
			t.Fatal(err)
		}
		if next >= ends[part].Next {
			part++
			continue
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// wantOrder wants each partition handled whole and in order. A new leader may repeat what the last one handled.
func wantOrder(t *testing.T, log *Log) {
	t.Helper()
	ends := postgrestest.Must[[]eventlog.Bounds](t)(log.Ends(t.Context(), sharedTopic))
	rows, err := log.db.Pool().Query(t.Context(), "SELECT member, part, position FROM handled ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	type handled struct {
		Member   int64
		Part     int
		Position int64
	}
	next := make([]int64, sharedParts)
	for _, h := range postgrestest.Must[[]handled](t)(pgx.CollectRows(rows, pgx.RowToStructByPos[handled])) {
		if h.Position > next[h.Part] {
			t.Fatalf("process %d handled %d of partition %d where %d was next", h.Member, h.Position, h.Part, next[h.Part])
		}
		next[h.Part] = max(next[h.Part], h.Position+1)
	}
	for part, end := range ends {
		if next[part] != end.Next || end.Next == 0 {
			t.Errorf("%d of the %d records of partition %d were handled", next[part], end.Next, part)
		}
	}
}
