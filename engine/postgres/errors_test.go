package postgres

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"agora/fault"
)

func TestErrorsOfTheDriverAreClassified(t *testing.T) {
	for code, want := range map[string]fault.Kind{
		"40001": fault.Unavailable, "40P01": fault.Unavailable, "55P03": fault.Unavailable, "57014": fault.Unavailable,
		"25006": fault.Unavailable, "08006": fault.Unavailable, "53300": fault.Unavailable, "57P01": fault.Unavailable,
		"58030": fault.Unavailable, "42601": fault.Internal, "23514": fault.Internal,
	} {
		if got := fault.KindOf(Classify(&pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s is %v, want %v", code, got, want)
		}
	}
	for err, want := range map[error]fault.Kind{
		io.ErrUnexpectedEOF: fault.Unavailable, &pgconn.ConnectError{}: fault.Unavailable,
		context.DeadlineExceeded: fault.Timeout, errors.New("a bug"): fault.Internal, fault.ErrNotFound("order", "1"): fault.NotFound,
	} {
		if got := fault.KindOf(Classify(err)); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
}

func TestTransactionsAreTriedAgainWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails int
		err   error
		calls int
		want  fault.Kind
	}{
		{"one conflict", 1, &pgconn.PgError{Code: "40001"}, 2, 0},
		{"a deadlock", 2, &pgconn.PgError{Code: "40P01"}, 3, 0},
		{"conflicts without end", 99, &pgconn.PgError{Code: "40001"}, maxAttempts, fault.Unavailable},
		{"refused", 99, fault.ErrInvalid("x", "is wrong"), 1, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			err := Retry(t.Context(), func(context.Context) error {
				if calls++; calls <= tt.fails {
					return tt.err
				}
				return nil
			})
			if calls != tt.calls || (err != nil) != (tt.want != 0) || err != nil && fault.KindOf(err) != tt.want {
				t.Errorf("%d calls and %v, want %d and %v", calls, err, tt.calls, tt.want)
			}
		})
	}
}

func TestAServerThatIsAwayIsUnavailable(t *testing.T) {
	_, err := Open(t.Context(), "postgres://agora:hunter2@127.0.0.1:1/agora")
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("open = %v, want fault.Unavailable", err)
	}
	for _, bad := range []string{"postgres://agora:hunter2@db:none/agora", "postgres://agora:hunter2@db/agora?sslmode=perhaps"} {
		_, malformed := Open(t.Context(), bad)
		if malformed == nil {
			t.Errorf("%s was opened", bad)
		}
		err = errors.Join(err, malformed)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an error shows the password: %v", err)
	}
}
