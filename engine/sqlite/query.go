package sqlite

import (
	"database/sql"
	"errors"
)

// Each visits all rows as values and closes them. rows and err are the results of a query.
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

// Collect returns all rows as values. rows and err are the results of a query.
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
