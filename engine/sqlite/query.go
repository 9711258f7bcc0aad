package sqlite

import (
	"database/sql"
	"errors"
)

// Each scans every row, visits it, and closes the rows. err is that of the query which gave the rows.
func Each[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error), visit func(T) error) error {
	if err != nil {
		return Classify(err)
	}
	for rows.Next() {
		value, err := scan(rows)
		if err == nil {
			err = visit(value)
		}
		if err != nil {
			return Classify(errors.Join(err, rows.Close()))
		}
	}
	return Classify(errors.Join(rows.Err(), rows.Close()))
}

// Collect returns all rows as values.
func Collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	var all []T
	err = Each(rows, err, scan, func(value T) error {
		all = append(all, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
