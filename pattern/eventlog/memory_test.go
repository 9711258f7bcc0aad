package eventlog_test

import (
	"testing"

	"agora/pattern/eventlog"
	"agora/pattern/eventlog/eventlogtest"
)

func TestMemory(t *testing.T) {
	eventlogtest.Run(t, func(*testing.T) eventlog.Log { return eventlog.NewMemory() })
}
