package accounts

import (
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"agora/fault"
)

// The limits of texts in bytes of UTF-8.
const (
	MaxEmail    = 254 // RFC 5321 with erratum 1690
	MinPassword = 8
	MaxPassword = 256
	MaxName     = 200
	MaxAddress  = 500
	MaxNote     = 200
)

// maxLocalPart is the longest part of an e-mail address before the @ (RFC 5321, 4.5.3.1.1).
const maxLocalPart = 64

// Registration is the data of a new user.
type Registration struct {
	Email     string `json:"email" maxLength:"254" example:"reader@example.org"`
	Password  string `json:"password" doc:"8 to 256 bytes, none of which is ignored" minLength:"8" maxLength:"256" example:"correct horse battery"`
	Name      string `json:"name" minLength:"1" maxLength:"200" example:"A reader"`
	Country   string `json:"country" doc:"ISO 3166-1 alpha-2, in upper case" minLength:"2" maxLength:"2" example:"GB"`
	Role      Role   `json:"role,omitempty" doc:"A shopper without it" enum:"shopper,seller" example:"shopper"`
	Address   string `json:"address,omitempty" maxLength:"500"`
	BirthDate string `json:"birth_date,omitempty" doc:"YYYY-MM-DD" maxLength:"10"`
}

// normalized returns the registration in the form in which it is stored, or an error that names every wrong field.
func (r Registration) normalized(now time.Time) (Registration, error) {
	var c fault.Collector
	email, err := NormalizeEmail(r.Email)
	c.Check(err == nil, "email", "is not an e-mail address of at most %d bytes", MaxEmail)
	r.Email = email
	checkPassword(&c, r.Password)
	r.Name = strings.TrimSpace(r.Name)
	c.Check(r.Name != "", "name", "is empty")
	checkText(&c, "name", r.Name, MaxName, "")
	c.Check(isCountry(r.Country), "country", "is not the code of a country, such as GB (ISO 3166-1 alpha-2)")
	if r.Role == "" {
		r.Role = Shopper
	}
	c.Check(r.Role == Shopper || r.Role == Seller, "role", "is neither %s nor %s", Shopper, Seller)
	r.Address = strings.TrimSpace(r.Address)
	checkText(&c, "address", r.Address, MaxAddress, "\n")
	c.Check(r.BirthDate == "" || isBirthDate(r.BirthDate, now), "birth_date", "is not a date of the past, such as 1990-12-31")
	return r, c.Err()
}

func (r Registration) details() Details { return Details{Address: r.Address, BirthDate: r.BirthDate} }

func checkPassword(c *fault.Collector, password string) {
	c.Check(len(password) >= MinPassword, "password", "is shorter than %d bytes", MinPassword)
	c.Check(len(password) <= MaxPassword, "password", "is longer than %d bytes", MaxPassword)
}

// checkText requires at most limit bytes of UTF-8 without control characters other than the allowed ones.
func checkText(c *fault.Collector, field, text string, limit int, allowed string) {
	c.Check(len(text) <= limit, field, "is longer than %d bytes", limit)
	c.Check(utf8.ValidString(text), field, "is not UTF-8")
	control := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) })
	c.Check(control < 0, field, "has a control character at byte %d", control)
}

// isBirthDate reports whether s is a date from 1900 on that has begun somewhere on Earth.
func isBirthDate(s string, now time.Time) bool {
	day, err := time.Parse(time.DateOnly, s)
	return err == nil && day.Year() >= 1900 && day.Before(now.Add(14*time.Hour))
}

func invisible(r rune) bool { return !unicode.IsPrint(r) }

// NormalizeEmail returns the form in which an e-mail address is stored and looked up: in lower case, because no provider of
// today distinguishes two mailboxes by case. It is fault.Invalid for what is not a plain address: quoted names, comments,
// address literals, and control and other invisible characters are refused.
func NormalizeEmail(s string) (string, error) {
	parsed, err := mail.ParseAddress(s)
	local, domain, _ := strings.Cut(s, "@")
	folded := strings.ToLower(s)
	if err != nil || parsed.Address != s || len(folded) > MaxEmail || len(local) > maxLocalPart || domain[0] == '[' || strings.ContainsFunc(s, invisible) {
		return "", fault.ErrInvalid("email", "is not an e-mail address of at most %d bytes", MaxEmail)
	}
	return folded, nil
}
