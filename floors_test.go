package agora_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` says of a package. Test imports count only where a floor says so.
type listed struct {
	ImportPath   string
	Doc          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// domains are the rooms of floor 2; none may import another.
var domains = []string{"accounts", "shop", "feed", "analytics", "regions"}

// floorOf returns the floor of a package of this module by its path below the module.
func floorOf(path string) (int, error) {
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		return 7, nil
	case slices.Contains([]string{"backoff", "fault", "telemetry", "ident"}, first):
		return 0, nil
	case first == "pattern" && !isSuite(path):
		return 1, nil
	case slices.Contains(domains, path):
		return 2, nil
	case isSuite(path):
		return 3, nil
	case first == "engine" || first == "httpapi" || first == "console":
		return 4, nil
	case first == "lab" || first == "advise":
		return 5, nil
	case path == "app":
		return 6, nil
	case first == "cmd" && rest == "agora":
		return 7, nil
	}
	return 0, fmt.Errorf("%s stands on no floor: DESIGN and floorOf have to say where it belongs", path)
}

// isSuite reports whether the package is a conformance suite, such as shop/shoptest.
func isSuite(path string) bool {
	room, last, ok := cutLast(path)
	return ok && strings.HasSuffix(last, "test") && (slices.Contains(domains, room) || strings.HasPrefix(room, "pattern/"))
}

func cutLast(path string) (before, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// allowed says why an import by a package outside its tests is forbidden, or nil.
func allowed(from, to string) error {
	lower, upper := must(floorOf(to)), must(floorOf(from))
	room, _, _ := cutLast(from)
	fromTop, _, _ := strings.Cut(from, "/")
	toTop, _, _ := strings.Cut(to, "/")
	switch {
	case lower == 3:
		return errors.New("a suite is imported from _test.go only")
	case upper == 1 && lower == 1:
		return errors.New("patterns do not import each other")
	case upper == 2 && lower == 2:
		return errors.New("a domain never imports another: make a port and join them in app")
	case upper == 3 && to != room && lower > 1:
		return errors.New("a suite imports its own room and the floors below it")
	case upper == 3:
		return nil
	case upper == 4 && lower == 4 && fromTop != toTop, fromTop == "engine" && toTop == "engine":
		return errors.New("engines, httpapi and console do not import each other")
	case toTop == "engine" && from != "app":
		return errors.New("app is the only importer of engines")
	case upper == 5 && lower > 2 && fromTop != toTop:
		return errors.New("the lab imports floors 0 to 2")
	case from != "cmd/agora" && lower > upper, lower == upper && fromTop != toTop && upper != 0:
		return errors.New("an import goes down only")
	}
	return nil
}

func must(floor int, err error) int {
	if err != nil {
		panic(err)
	}
	return floor
}

// owners are the libraries that one room alone may import.
var owners = map[string][]string{
	"github.com/prometheus/client_golang": {"telemetry"},
	"go.opentelemetry.io/":                {"telemetry"},
	"github.com/mattn/go-sqlite3":         {"engine/sqlite"},
	"github.com/jackc/pgx":                {"engine/postgres"},
	"github.com/cockroachdb/pebble":       {"engine/pebble"},
	"github.com/redis/go-redis":           {"engine/redis"},
	"github.com/stripe/stripe-go":         {"engine/stripe"},
	"github.com/danielgtaylor/huma":       {"httpapi"},
	"github.com/failsafe-go/failsafe-go":  {"pattern/guard"},
	"github.com/maypok86/otter":           {"pattern/cache", "pattern/guard"},
	"github.com/alecthomas/kong":          {"cmd/agora"},
	"github.com/vbauerster/mpb":           {"cmd/agora"},
	"github.com/HdrHistogram":             {"lab/load"},
}

func listPackages(t *testing.T) []listed {
	t.Helper()
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
		packages = append(packages, p)
	}
}

func TestImportsGoDownOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "agora"), "/")
		floor, err := floorOf(from)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, imported := range p.Imports {
			if to, ok := strings.CutPrefix(imported, "agora/"); ok {
				if err := allowed(from, to); err != nil {
					t.Errorf("%s (floor %d) imports %s (floor %d): %v", from, floor, to, must(floorOf(to)), err)
				}
			}
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if err := ownedElsewhere(from, imported); err != nil {
				t.Error(err)
			}
		}
	}
}

// ownedElsewhere says that a library belongs to another room than the importer.
func ownedElsewhere(from, imported string) error {
	for library, rooms := range owners {
		if strings.HasPrefix(imported, library) && !slices.Contains(rooms, from) {
			return fmt.Errorf("%s imports %s, which %s alone may import", from, imported, strings.Join(rooms, " and "))
		}
	}
	return nil
}

// TestTheFloorsCanFail shows that the rule refuses what it is there to refuse.
func TestTheFloorsCanFail(t *testing.T) {
	for _, tt := range []struct{ from, to string }{
		{"fault", "pattern/cache"}, {"pattern/cache", "pattern/guard"}, {"shop", "accounts"},
		{"shop", "engine/sqlite"}, {"engine/sqlite", "engine/pebble"}, {"httpapi", "engine/sqlite"},
		{"httpapi", "app"}, {"lab/load", "app"}, {"app", "shop/shoptest"}, {"cmd/agora", "engine/sqlite"},
		{"shop/shoptest", "accounts"}, {"shop/shoptest", "engine/sqlite"}, {"pattern/guard", "shop"}, {"console", "httpapi"},
	} {
		if allowed(tt.from, tt.to) == nil {
			t.Errorf("%s may import %s", tt.from, tt.to)
		}
	}
	for _, tt := range []struct{ from, to string }{
		{"telemetry", "fault"}, {"shop", "pattern/outbox"}, {"shop/shoptest", "shop"}, {"engine/sqlite", "shop"},
		{"app", "engine/sqlite"}, {"app", "httpapi"}, {"cmd/agora", "app"}, {"lab/load", "lab/verify"}, {"lab/verify", "shop"},
	} {
		if err := allowed(tt.from, tt.to); err != nil {
			t.Errorf("%s may not import %s: %v", tt.from, tt.to, err)
		}
	}
	if ownedElsewhere("shop", "github.com/mattn/go-sqlite3") == nil {
		t.Error("shop may import a driver")
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Name == "" || p.ImportPath == "agora" {
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
