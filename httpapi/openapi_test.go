package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"agora/accounts"
)

var update = flag.Bool("update", false, "write docs/openapi.json again")

// TestOpenAPIFile compares the document in docs with the one that the whole API serves, so that every change of the API is
// visible as a change of a file. With -update it writes the file.
func TestOpenAPIFile(t *testing.T) {
	const file = "../docs/openapi.json"
	var want bytes.Buffer
	if err := json.Indent(&want, []byte(call(t, "GET", newMarket(t, accounts.Shopper).url+"/openapi.json", "").body), "", "  "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/openapi.json is not what the API serves; make generate writes it: %v", err)
	}
}
