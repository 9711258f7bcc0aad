package analytics_test

import (
	"testing"

	"agora/analytics"
	"agora/analytics/analyticstest"
)

func TestMemoryLog(t *testing.T) {
	analyticstest.Log(t, func(*testing.T) analytics.EventLog { return analytics.NewMemoryLog(analyticstest.Partitions) })
}

func TestMemoryState(t *testing.T) {
	analyticstest.State(t, func(*testing.T) analytics.StateStore { return analytics.NewMemoryState() })
}

func TestMemoryCatalogue(t *testing.T) {
	analyticstest.Catalogue(t, func(*testing.T) analytics.Catalogue {
		return analytics.NewMemoryCatalogue(analyticstest.Partitions)
	})
}

func TestMemoryFiles(t *testing.T) {
	analyticstest.Files(t, func(*testing.T) analyticstest.ReadableFiles { return analytics.NewMemoryFiles() })
}
