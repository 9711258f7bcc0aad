package sqlite

import (
	"database/sql"
	"errors"
)

// each scans every row, visits it, and closes the rows. err is that of the query which gave the rows.
func each[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error), visit func(T) error) error {
	if err != nil {
		return classify(err)
	}
	for rows.Next() {
		value, err := scan(rows)
		if err == nil {
			err = visit(value)
		}
		if err != nil {
			return classify(errors.Join(err, rows.Close()))
		}
	}
	return classify(errors.Join(rows.Err(), rows.Close()))
}

// collect returns all rows as values.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	var all []T
	err = each(rows, err, scan, func(value T) error {
		all = append(all, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
