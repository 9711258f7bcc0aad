package accounts

import (
	"testing"

	"golang.org/x/text/language"
)

func TestCountries(t *testing.T) {
	var n int
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			if !isCountry(code) {
				continue
			}
			n++
			if region, err := language.ParseRegion(code); err != nil || !region.IsCountry() || region.String() != code {
				t.Errorf("%s is listed as a country, but is none to CLDR", code)
			}
		}
	}
	if n != 250 {
		t.Errorf("%d countries are listed, want 249 of ISO and XK", n)
	}
	for _, code := range []string{"", "G", "GBR", "gb", "Gb", "UK", "SU", "YU", "UN", "EU", "XX", "ZZ", "D ", " A", "T\n", "\nB"} {
		if isCountry(code) {
			t.Errorf("%q is taken as a country", code)
		}
	}
}
