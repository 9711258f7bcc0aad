package sqlite

import (
	"database/sql"
	"errors"

	"github.com/mattn/go-sqlite3"

	"agora/fault"
)

// Classify turns a driver's error into a fault. Errors that are already classified pass.
func Classify(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	driver, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch driver.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fault.Wrap(fault.Unavailable, err, "the store is busy")
	case sqlite3.ErrFull:
		return fault.Wrap(fault.Unavailable, err, "the store's disk is full")
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrNomem:
		return fault.Wrap(fault.Unavailable, err, "the store cannot be written or read")
	default:
		return err
	}
}

// endsTransaction reports whether SQLite may have rolled back the whole transaction with the error, even if the statement
// only read (https://www.sqlite.org/lang_transaction.html, section 2.5).
func endsTransaction(err error) bool {
	driver, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return false
	}
	switch driver.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrBusy, sqlite3.ErrInterrupt:
		return true
	}
	return false
}

// IsUnique reports whether err is the violation of a unique index or primary key.
func IsUnique(err error) bool {
	driver, ok := errors.AsType[sqlite3.Error](err)
	return ok && (driver.ExtendedCode == sqlite3.ErrConstraintUnique ||
		driver.ExtendedCode == sqlite3.ErrConstraintPrimaryKey ||
		driver.ExtendedCode == sqlite3.ErrConstraintRowID)
}

// OrMissing returns missing if err says that there is no row, and classifies any other error.
func OrMissing(err, missing error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return Classify(err)
}
