package retail_test

import (
	"strings"
	"testing"

	"agora/importer/retail"
)

func TestPricesAreExact(t *testing.T) {
	for text, want := range map[string]retail.Price{
		"2.55": 2_550_000, "8.5": 8_500_000, "0": 0, "12": 12_000_000, "0.001": 1_000, "-11062.06": -11_062_060_000,
		"0.000001": 1, "1000000": 1_000_000_000_000, "3.": 3_000_000,
	} {
		if got, err := retail.ParsePrice(text); err != nil || got != want {
			t.Errorf("ParsePrice(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".5", "-", "1e3", "1,5", "0.0000001", "1000000.01", "--1", "+1", "1.-5", "£1", "99999999999999999999"} {
		if got, err := retail.ParsePrice(text); err == nil {
			t.Errorf("ParsePrice(%q) = %d, want an error", text, got)
		}
	}
}

// FuzzParseLine holds that no line makes the parser panic, that a line without a reason is within the bounds that
// orders and stock rely on, and that one with a reason has both numbers or neither.
func FuzzParseLine(f *testing.F) {
	for line := range strings.Lines(sample) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		line, reason := retail.ParseLine(text)
		pence, whole := line.Price.Pence()
		if reason != "" {
			if line.Quantity == 0 && line.Price != 0 {
				t.Errorf("ParseLine(%q) = %+v, %s: a price without a quantity", text, line, reason)
			}
			return
		}
		if line.Quantity == 0 || max(line.Quantity, -line.Quantity) > 1_000_000 || pence < 0 || pence > 100_000_000 || !whole {
			t.Errorf("ParseLine(%q) = %+v, whose numbers are out of bounds", text, line)
		}
		if line.Code == "" || len(line.Code) > 64 || strings.ContainsAny(line.Code, " \t\n") {
			t.Errorf("ParseLine(%q) has the code %q, which is no SKU", text, line.Code)
		}
		if line.Invoice == "" || line.At.IsZero() && !strings.Contains(text, "0001-01-01 00:00:00") {
			t.Errorf("ParseLine(%q) = %+v, without invoice or date", text, line)
		}
	})
}
