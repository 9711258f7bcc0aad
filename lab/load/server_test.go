package load

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestAReportShowsTheMetricsOfItsScenario runs a scenario whose servers count visitors, before a trial and after it.
func TestAReportShowsTheMetricsOfItsScenario(t *testing.T) {
	readings := []string{
		"visitor_age_sum 1000\nvisitor_age_count 20\n" + `guests_lost_total{on="stairs"} 5` + "\n" + `guests_lost_total{on="roof"} 1` + "\n",
		"visitor_age_sum 1090\nvisitor_age_count 24\n" + `guests_lost_total{on="stairs"} 7` + "\n" + `guests_lost_total{on="roof"} 1` + "\n",
	}
	synctest.Test(t, func(t *testing.T) {
		site := http.NewServeMux()
		site.HandleFunc("GET /page", func(http.ResponseWriter, *http.Request) {})
		site.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, readings[0])
			readings = readings[1:]
		})
		report := measured(t, options(), site)
		var text, page bytes.Buffer
		if err := report.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Trial struct {
				Server struct {
					Age    float64          `json:"visitor_age_years"`
					Lost   map[string]int64 `json:"guests_lost"`
					Cores  *float64         `json:"cpu_cores"`
					Memory *float64         `json:"memory_bytes"`
					Caches map[string]Cache `json:"caches"`
				} `json:"server"`
			} `json:"trial"`
		}
		if err := json.Unmarshal(text.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		server := got.Trial.Server
		if server.Age != 22.5 || len(server.Lost) != 1 || server.Lost["stairs"] != 2 {
			t.Errorf("age %v and %v lost, want 90 years of 4 visitors and 2 on the stairs", server.Age, server.Lost)
		}
		if server.Cores == nil || server.Memory == nil || server.Caches == nil {
			t.Errorf("the figures of every server are missing in %s", &text)
		}
		if err := report.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"age of a visitor, mean</th><td>22.500 years<", "guests lost: stairs</th><td>2<", "memory at the end"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if shop := strings.Contains(page.String(), "inventory") || strings.Contains(page.String(), "orders"); shop {
			t.Error("the page of another system speaks of a shop")
		}
	})
}
