package accounts

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"gotest.tools/v3/golden"
)

// TestSessionFormat pins the form in which caches and Redis hold a session. docs/upgrading.md says how to change it.
func TestSessionFormat(t *testing.T) {
	session := Session{
		ID: "ses_01jd8q6m3k9v2n4x7y5z8w1t0c", UserID: "usr_01jd8q6m3k9v2n4x7y5z8w1t0d", Role: Seller, Kind: Issued,
		CreatedAt: time.Date(2026, 3, 14, 15, 9, 26, 535000000, time.UTC), ExpiresAt: time.Date(2026, 6, 14, 15, 9, 26, 535000000, time.UTC),
		Note: "for the warehouse",
	}
	fields := reflect.ValueOf(session)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Errorf("%s is not set: the golden file does not pin it", fields.Type().Field(i).Name)
		}
	}
	encoded, err := json.Marshal(session)
	if err != nil {
		t.Fatal(err)
	}
	golden.AssertBytes(t, encoded, "session.json")
	decoded, err := decodeSession(golden.Get(t, "session.json"))
	if err != nil || decoded != session {
		t.Errorf("the stored session is decoded to %+v, %v; want %+v", decoded, err, session)
	}
}
