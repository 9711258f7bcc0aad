package analytics

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are rules of the fold and of its stores, each broken by a change of one line. The simulation has to find every
// one of them in 300 schedules. One rule is missing, because random schedules do not reach the harm of breaking it: a file is
// replaced only if the catalogue has it as it was read. Package analyticstest checks that on every engine.
var mutants = []struct {
	name, file, old, new string
}{
	{"only the first occurrence of an identifier counts", "seen.go", "b.ages[slot] = now", "_ = now"},
	{"repeats count in windows", "part.go", "if h.isKnown(row) {\n\t\t\tcontinue", "if false {\n\t\t\tcontinue"},
	{"a restart forgets the identifiers before its files", "part.go", "= live[0], again.hold", "= again.hold, again.hold"},
	{"a restart begins no generations", "part.go", "slices.Contains(a.begins, next) &&", "false &&"},
	{"a restart cuts no files", "part.go", "ok && to == next", "ok && to < 0"},
	{"an old tick closes an epoch", "part.go", "tick.Epoch <= p.state.Epoch ||", "tick.Epoch < p.state.Epoch-1 ||"},
	{"a partition that lacks a tick is in the epoch all the same", "worker.go", "if p.delta.epoch == first {", "if p.delta.epoch >= first {"},
	{"the state forgets cuts that wait", "part.go", "const keptCuts = 16", "const keptCuts = 1"},
	{"an erasure spares who arrives later", "erase.go", "return r.at < h.at && at < r.before", "return false"},
	{"an erasure drops what is dated after it", "erase.go", "return r.at < h.at && at < r.before", "return r.at < h.at"},
	{"an erasure drops what arrives later only", "erase.go", "range p.heldFrom(p.state.CutFrom)", "range p.heldFrom(p.state.Next)"},
	{"an erasure reaches files that wait", "erase.go", "range p.heldFrom(p.state.CutFrom)", "range p.heldFrom(0)"},
	{"files are not rewritten", "lake.go", "if e.at >= f.Purged &&", "if false &&"},
	{"an anonymous visitor is not erased from files", "lake.go", "e.names(w.rules.Key.anonymous(s.Anonymous))", "false"},
	{"a sweep removes what a hung worker still adds", "lake.go", "return f.Name != name && purge < f.Purged", "return f.Name != name && purge < 1<<62"},
	{"nothing is swept", "lake.go", "return !isPast(name, s)", "return true"},
	{"the log is trimmed to where the fold is", "lake.go", "before := p.CutLive[0]", "before := p.Next"},
	{"the log is trimmed although files wait", "lake.go", "if len(w.cuts[n]) > 0 {\n\t\t\tbefore", "if false {\n\t\t\tbefore"},
	{"the catalogue takes any file", "memory_lake.go", "next[f.Partition] != f.From", "false"},
	{"the state takes any commit", "memory_state.go", "m.epoch != from", "false"},
	{"rejected items are not accepted", "batch.go", "return h.Rows + h.Rejected", "return h.Rows"},
	{"a waiting file is in flight although the catalogue has it", "books.go", "if c.From >= next[n] {", "if true {"},
	{"the watermark moves to the clock", "fold.go", "min(s.Largest, now)", "now"},
	{"an event of tomorrow moves the watermark", "part.go", "min(at, b.Arrival)", "at"},
	{"an idle source leaves its last window open", "fold.go", "s.Watermark.Floor(WindowLength)+Micros(WindowLength.Microseconds())", "s.Watermark.Floor(WindowLength)"},
	{"the time of ticks goes back", "fold.go", "max(e.head.At, d.at)", "d.at"},
	{"a published window is not corrected", "fold.go", "case w.Revision > 0 || closed:", "case w.Revision == 0 && closed:"},
	{"each type has windows", "fold.go", "case count < int64(e.rules.Types):", "case true:"},
	{"late events are dropped", "part.go", "\t\tif late {\n\t\t\tline.Late++\n\t\t}", "\t\tif late {\n\t\t\tline.Late++\n\t\t\tcontinue\n\t\t}"},
	{"one partition counts for the watermark", "fold.go", "max(to.Watermark, from.Watermark)", "from.Watermark"},
}

// TestTheSimulationFindsEachBrokenRule builds the tests of this package once for each mutant, with go build's overlay, and
// runs the simulation in them.
func TestTheSimulationFindsEachBrokenRule(t *testing.T) {
	if os.Getenv("STRESS") == "" || os.Getenv("ANALYTICS_MUTANT") != "" {
		t.Skip("builds the tests of this package once for each rule: STRESS=1 runs it")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			source, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Count(source, []byte(m.old)) != 1 {
				t.Fatalf("%s has %q %d times, want once", m.file, m.old, bytes.Count(source, []byte(m.old)))
			}
			out, err := runMutant(t, m.file, strings.Replace(string(source), m.old, m.new, 1))
			switch {
			case err == nil:
				t.Errorf("the simulation does not find it:\n%s", out)
			case !bytes.Contains(out, []byte("--- FAIL: TestEachEventIsCountedOnce")) && !bytes.Contains(out, []byte("--- FAIL: TestACrashAtAnyCall")):
				t.Errorf("it does not build, or panics:\n%s", out)
			default:
				t.Log(strings.TrimSpace(strings.Split(string(out), "\n")[1]))
			}
		})
	}
}

// runMutant runs the simulation with another content of a file.
func runMutant(t *testing.T, file, content string) ([]byte, error) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.go")
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	mustDo(t, os.WriteFile(changed, []byte(content), 0o600))
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	mustDo(t, err)
	mustDo(t, os.WriteFile(overlay, text, 0o600))
	c := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-failfast", "-run", "TestEachEventIsCountedOnce|TestACrashAtAnyCall", ".")
	c.Env = append(os.Environ(), "ANALYTICS_MUTANT=1", "ANALYTICS_SEEDS=300")
	return c.CombinedOutput()
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
