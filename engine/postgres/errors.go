package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"agora/fault"
)

// The codes of errors that are handled here, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	UniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014" // by statement_timeout: a caller who left gets the error of its context
	readOnlyTransaction  = "25006" // on a standby, after a failover
	invalidText          = "22021" // bytes that are not UTF-8, or a zero byte
)

// awayClasses are the classes of errors of a server that is away: lost connections, exhausted resources, a shutdown
// by the operator, and failures of its disk.
var awayClasses = []string{"08", "53", "57", "58"}

// Classify turns a driver's error into a fault. Errors that are already classified pass.
func Classify(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	driver, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if isNetwork(err) {
			return fault.Wrap(fault.Unavailable, err, "the store cannot be reached")
		}
		if errors.Is(err, puddle.ErrClosedPool) {
			return ErrClosed()
		}
		return err
	}
	switch driver.Code {
	case invalidText:
		return fault.Wrap(fault.Invalid, err, "the text cannot be stored")
	case serializationFailure, deadlockDetected, lockNotAvailable, queryCanceled:
		return fault.Wrap(fault.Unavailable, err, "the store is busy")
	case readOnlyTransaction:
		return fault.Wrap(fault.Unavailable, err, "the store cannot be written")
	}
	for _, class := range awayClasses {
		if strings.HasPrefix(driver.Code, class) {
			return fault.Wrap(fault.Unavailable, err, "the store cannot work now")
		}
	}
	return err
}

// isNetwork reports whether the connection failed or could not be made.
func isNetwork(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

func hasCode(err error, codes ...string) bool {
	driver, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if driver.Code == code {
			return true
		}
	}
	return false
}

// IsUnique reports whether a unique key was violated.
func IsUnique(err error) bool { return hasCode(err, UniqueViolation) }

// OrMissing returns missing if err says that there is no row, and classifies any other error.
func OrMissing(err, missing error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return missing
	}
	return Classify(err)
}

// maxAttempts bounds how often Retry executes its work.
const maxAttempts = 5

// Retry repeats work after a failure that a repetition can avoid: PostgreSQL rolled the transaction back because it
// conflicted with others, or the connection was dead before anything was sent. also lists further codes to retry.
func Retry(ctx context.Context, work func(ctx context.Context) error, also ...string) error {
	transient := append([]string{serializationFailure, deadlockDetected}, also...)
	for attempt := 1; ; attempt++ {
		err := work(ctx)
		if err == nil || ctx.Err() != nil || !hasCode(err, transient...) && !pgconn.SafeToRetry(err) {
			return Classify(err)
		}
		if attempt == maxAttempts {
			return Classify(fmt.Errorf("tried %d times: %w", maxAttempts, err))
		}
	}
}
