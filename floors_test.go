package agora_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The floors of the program, as ARCHITECTURE.md shows them. Floor 3 is that of the conformance suites, which stand in
// the rooms of floors 1 and 2.
const (
	groundFloor  = 0
	patternFloor = 1
	domainFloor  = 2
	suiteFloor   = 3
	edgeFloor    = 4
	toolFloor    = 5
	appFloor     = 6
	commandFloor = 7
	systemFloor  = 8
)

// floorOfRoom lists the rooms. A room that ends with a star stands for each folder in its place.
// A package below a room is a chamber, and belongs to the room.
var floorOfRoom = map[string]int{
	"backoff": groundFloor, "fault": groundFloor, "ident": groundFloor, "telemetry": groundFloor, "scripts": groundFloor,
	"pattern/*": patternFloor,
	"accounts":  domainFloor, "shop": domainFloor, "feed": domainFloor, "analytics": domainFloor, "regions": domainFloor,
	"engine/*": edgeFloor, "httpapi": edgeFloor, "console": edgeFloor,
	"lab": toolFloor, "advise": toolFloor, "generate": toolFloor, "importer": toolFloor,
	"app":        appFloor,
	"cmd/agora":  commandFloor,
	"systemtest": systemFloor,
}

// composed lists the patterns that are made of other patterns. All others do not import each other.
var composed = map[string][]string{
	"pattern/projection": {"pattern/eventlog", "pattern/lead"},
}

// owners are the libraries that only the named rooms may import.
var owners = map[string][]string{
	"github.com/prometheus/client_golang": {"telemetry"},
	"go.opentelemetry.io/":                {"telemetry"},
	"github.com/mattn/go-sqlite3":         {"engine/sqlite"},
	"github.com/jackc/pgx":                {"engine/postgres"},
	"github.com/cockroachdb/pebble":       {"engine/pebble"},
	"github.com/redis/go-redis":           {"engine/redis"},
	"github.com/apache/cassandra-gocql":   {"engine/cassandra"},
	"github.com/twmb/franz-go":            {"engine/kafka"},
	"github.com/stripe/stripe-go":         {"engine/stripe"},
	"github.com/danielgtaylor/huma":       {"httpapi"},
	"github.com/failsafe-go/failsafe-go":  {"pattern/guard"},
	"github.com/maypok86/otter":           {"pattern/cache", "pattern/guard", "feed"},
	"github.com/alecthomas/kong":          {"cmd/agora"},
	"github.com/vbauerster/mpb":           {"cmd/agora"},
	"github.com/HdrHistogram":             {"lab"},
}

// place is where a package stands.
type place struct {
	path  string // below the module, such as "pattern/cache/cachetest"
	room  string // such as "pattern/cache"
	floor int
	suite bool // it is a conformance suite, or starts a server for tests: its name ends with "test"
}

// placeOf returns where a package of this module stands, by its path below the module.
func placeOf(path string) (place, error) {
	parts := strings.Split(path, "/")
	for _, depth := range []int{2, 1} {
		if len(parts) < depth {
			continue
		}
		room := strings.Join(parts[:depth], "/")
		floor, ok := floorOfRoom[room]
		if !ok && depth == 2 {
			floor, ok = floorOfRoom[parts[0]+"/*"]
		}
		if !ok {
			continue
		}
		p := place{path: path, room: room, floor: floor}
		p.suite = path != room && strings.HasSuffix(path, "test")
		if p.suite && floor <= domainFloor {
			p.floor = suiteFloor
		}
		return p, nil
	}
	return place{}, fmt.Errorf("%q stands on no floor: ARCHITECTURE.md and floorOfRoom have to say where it belongs", path)
}

// checkImport returns why a package must not import another one of this module, or nil. Of test files less is asked:
// they may also import suites and, above the edges, what they measure.
func checkImport(from, to string, inTest bool) error {
	importer, err := placeOf(from)
	if err != nil {
		return err
	}
	imported, err := placeOf(to)
	if err != nil {
		return err
	}
	if imported.suite {
		return checkSuiteImport(importer, imported, inTest)
	}
	if importer.room == imported.room {
		return nil
	}
	return checkRooms(importer, imported, inTest)
}

// checkSuiteImport is checkImport for a suite, or a package that starts a server for tests.
func checkSuiteImport(from, to place, inTest bool) error {
	switch {
	case !inTest && !from.suite:
		return errors.New("a suite is imported by tests and other suites only")
	case from.room == to.room:
		return nil
	case to.floor == suiteFloor && from.floor < suiteFloor && floorOfParent(to) >= from.floor:
		return errors.New("a suite belongs to the floors above its room")
	case to.floor == edgeFloor && from.floor < edgeFloor:
		return errors.New("only the edges and the floors above them start servers for tests")
	}
	return nil
}

// floorOfParent returns the floor of a suite's room.
func floorOfParent(suite place) int {
	parent, err := placeOf(suite.room)
	if err != nil {
		panic(err)
	}
	return parent.floor
}

// checkRooms is checkImport between two rooms.
func checkRooms(from, to place, inTest bool) error {
	isEngine := strings.HasPrefix(to.room, "engine/")
	switch {
	case slices.Contains(composed[from.room], to.room):
		return nil
	case from.floor == patternFloor && to.floor == patternFloor:
		return errors.New("patterns do not import each other, but for those in the list composed")
	case from.floor == domainFloor && to.floor == domainFloor:
		return errors.New("a domain never imports another: make a port, and join them in app")
	case from.suite && to.floor > patternFloor:
		return errors.New("a suite imports its own room and the floors 0 and 1")
	case from.floor == edgeFloor && to.floor == edgeFloor:
		return errors.New("engines, httpapi and console do not import each other")
	case isEngine && from.room != "app" && !(inTest && from.floor >= toolFloor):
		return errors.New("app is the only importer of engines")
	case from.floor == toolFloor && to.floor == edgeFloor && !inTest:
		return errors.New("the tools import the floors 0 to 2")
	case to.floor > from.floor:
		return errors.New("an import goes down only")
	case to.floor == from.floor && from.floor != groundFloor && from.floor != toolFloor:
		return errors.New("an import goes down only")
	}
	return nil
}

// checkOwner returns why a package must not import a library, or nil.
func checkOwner(from, library string) error {
	for owned, rooms := range owners {
		if !strings.HasPrefix(library, owned) {
			continue
		}
		importer, err := placeOf(from)
		if err != nil {
			return err
		}
		if !slices.Contains(rooms, importer.room) {
			return fmt.Errorf("only %s may import it", strings.Join(rooms, " and "))
		}
	}
	return nil
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath   string
	Doc          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	noteSources(t)
	out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", "sqlite_fts5", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath != "agora" { // the rules themselves
			packages = append(packages, p)
		}
	}
}

// noteSources looks at each source file. go test remembers which files a test looks at, and repeats the test when one of
// them has changed; it does not see what go list looks at.
func noteSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsGoDownOnly(t *testing.T) {
	const see = "ARCHITECTURE.md, \"The house\", says which floor may import which"
	used := map[string]bool{} // the libraries of owners that are imported
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(p.ImportPath, "agora/")
		if _, err := placeOf(from); err != nil {
			t.Error(err)
			continue
		}
		check := func(imports []string, inTest bool) {
			for _, name := range imports {
				if to, ok := strings.CutPrefix(name, "agora/"); ok {
					if err := checkImport(from, to, inTest); err != nil {
						t.Errorf("%s imports %s (in tests: %t): %v. %s.", from, to, inTest, err, see)
					}
				}
				if err := checkOwner(from, name); err != nil {
					t.Errorf("%s imports %s: %v. %s.", from, name, err, see)
				}
				for library := range owners {
					used[library] = used[library] || strings.HasPrefix(name, library)
				}
			}
		}
		check(p.Imports, false)
		check(slices.Concat(p.TestImports, p.XTestImports), true)
	}
	for _, library := range slices.Sorted(maps.Keys(owners)) {
		if !used[library] {
			t.Errorf("nobody imports %s any more: take it out of owners", library)
		}
	}
}

// TestTheFloorsOfInventedPackages feeds the rules with paths, some of which do not exist, and imports that are right or wrong.
func TestTheFloorsOfInventedPackages(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		inTest   bool
		want     string // a part of the error; empty for an import that is right
	}{
		// Down, and within a room.
		{"telemetry", "fault", false, ""},
		{"shop", "pattern/outbox", false, ""},
		{"shop/checkout", "shop", false, ""},
		{"shop", "shop/money", false, ""},
		{"shop/checkout", "shop/checkout/steps", false, ""},
		{"engine/sqlite", "shop", false, ""},
		{"engine/postgres/orders", "engine/postgres", false, ""},
		{"engine/postgres/orders", "shop/checkout", false, ""},
		{"httpapi/shop", "httpapi", false, ""},
		{"httpapi/shop", "shop", false, ""},
		{"lab/load/shop", "lab/load", false, ""},
		{"lab/verify/shop", "shop", false, ""},
		{"lab/load/shop", "generate", false, ""},
		{"importer/retail", "shop", false, ""},
		{"app", "app/config", false, ""},
		{"app/shop", "engine/sqlite", false, ""},
		{"app/shop", "engine/postgres/orders", false, ""},
		{"app", "httpapi/shop", false, ""},
		{"app", "lab/verify", false, ""},
		{"cmd/agora", "app/config", false, ""},
		{"cmd/agora", "lab/load", false, ""},
		{"pattern/projection", "pattern/lead", false, ""},
		{"pattern/projection/steps", "pattern/eventlog", false, ""},

		// Up, or across.
		{"fault", "pattern/cache", false, "goes down only"},
		{"pattern/guard", "shop", false, "goes down only"},
		{"pattern/cache", "pattern/guard", false, "patterns do not import each other"},
		{"pattern/lead", "pattern/projection", false, "patterns do not import each other"},
		{"shop", "accounts", false, "never imports another"},
		{"shop/checkout", "accounts/tokens", false, "never imports another"},
		{"feed", "shop", false, "never imports another"},
		{"shop", "engine/sqlite", false, "only importer of engines"},
		{"shop", "httpapi", false, "goes down only"},
		{"engine/sqlite", "engine/pebble", false, "do not import each other"},
		{"engine/postgres/orders", "engine/sqlite/orders", false, "do not import each other"},
		{"httpapi", "engine/sqlite", false, "do not import each other"},
		{"console", "httpapi", false, "do not import each other"},
		{"httpapi/shop", "app/config", false, "goes down only"},
		{"lab/load", "app", false, "goes down only"},
		{"lab/load/feed", "engine/pebble", false, "only importer of engines"},
		{"lab/load", "httpapi", false, "the tools import"},
		{"app", "cmd/agora", false, "goes down only"},
		{"cmd/agora", "engine/sqlite", false, "only importer of engines"},

		// Suites, and tests.
		{"engine/sqlite", "shop/shoptest", true, ""},
		{"engine/sqlite/orders", "shop/checkout/checkouttest", true, ""},
		{"shop", "shop/shoptest", true, ""},
		{"shop/shoptest", "shop", false, ""},
		{"shop/shoptest", "shop/checkout", false, ""},
		{"shop/shoptest", "pattern/saga/sagatest", false, ""},
		{"shop/shoptest", "fault", false, ""},
		{"pattern/lead/leadtest", "pattern/lead", false, ""},
		{"engine/postgres", "engine/postgres/postgrestest", true, ""},
		{"app", "engine/postgres/postgrestest", true, ""},
		{"systemtest", "engine/redis/redistest", true, ""},
		{"systemtest", "engine/sqlite", true, ""},
		{"lab/load", "httpapi", true, ""},
		{"importer/retail", "engine/sqlite", true, ""},
		{"app", "shop/shoptest", false, "by tests and other suites only"},
		{"engine/sqlite/orders", "shop/shoptest", false, "by tests and other suites only"},
		{"shop", "shop/shoptest", false, "by tests and other suites only"},
		{"shop/shoptest", "accounts", false, "imports its own room"},
		{"shop/shoptest", "engine/sqlite", false, "imports its own room"},
		{"pattern/outbox", "shop/shoptest", true, "floors above its room"},
		{"shop", "engine/postgres/postgrestest", true, "start servers for tests"},
		{"shop", "accounts", true, "never imports another"},
		{"shop", "engine/sqlite", true, "only importer of engines"},
		{"engine/sqlite", "engine/pebble", true, "do not import each other"},

		// Nowhere.
		{"helpers", "fault", false, "no floor"},
		{"engine", "fault", false, "no floor"},
		{"shop", "util/strings", false, "no floor"},
	} {
		err := checkImport(tt.from, tt.to, tt.inTest)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s may not import %s (in tests: %t): %v", tt.from, tt.to, tt.inTest, err)
		case tt.want != "" && err == nil:
			t.Errorf("%s may import %s (in tests: %t), want an error with %q", tt.from, tt.to, tt.inTest, tt.want)
		case tt.want != "" && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s imports %s: %q does not say %q", tt.from, tt.to, err, tt.want)
		}
	}
}

func TestLibrariesHaveOwners(t *testing.T) {
	for _, tt := range []struct {
		from, library string
		owned         bool
	}{
		{"engine/sqlite", "github.com/mattn/go-sqlite3", true},
		{"engine/sqlite/orders", "github.com/mattn/go-sqlite3", true},
		{"engine/postgres/postgrestest", "github.com/jackc/pgx/v5/pgxpool", true},
		{"shop", "golang.org/x/text/language", true},
		{"shop", "github.com/mattn/go-sqlite3", false},
		{"engine/pebble", "github.com/jackc/pgx/v5", false},
		{"app/shop", "github.com/redis/go-redis/v9", false},
		{"shop", "go.opentelemetry.io/otel/trace", false},
	} {
		if err := checkOwner(tt.from, tt.library); (err == nil) != tt.owned {
			t.Errorf("%s imports %s: %v", tt.from, tt.library, err)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Name == "" {
			continue
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Agora "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment has to begin with %q", p.ImportPath, want)
		}
	}
}
