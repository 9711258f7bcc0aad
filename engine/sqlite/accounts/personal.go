package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"agora/accounts"
	"agora/engine/sqlite"
	"agora/fault"
	"agora/ident"
)

// Personal is the embedded accounts.PersonalStore, in a database file of its own.
type Personal struct{ db *sqlite.Database }

var _ accounts.PersonalStore = (*Personal)(nil)

// OpenPersonal opens or creates the file at path.
func OpenPersonal(ctx context.Context, path string) (*Personal, error) {
	db, err := sqlite.Open(ctx, path, migrations, "personal")
	if err != nil {
		return nil, err
	}
	return &Personal{db}, nil
}

// Close finishes accepted writes and closes the file.
func (p *Personal) Close() error { return p.db.Close() }

const userIDByEmail = "SELECT user_id FROM personal WHERE email = ?"

// Claim implements accounts.PersonalStore.
func (p *Personal) Claim(ctx context.Context, email, userID string) (holder string, err error) {
	err = p.db.Write(ctx, func(tx *sqlite.Tx) error {
		var key []byte
		err := tx.QueryRow(userIDByEmail, []any{email}, &key)
		if errors.Is(err, sql.ErrNoRows) {
			holder = userID
			return insertPerson(tx, accounts.Personal{UserID: userID, Email: email})
		}
		if err != nil {
			return err
		}
		holder, err = ident.Unpack(ident.User, key)
		return err
	})
	if err != nil {
		return "", err
	}
	return holder, nil
}

// CreateMany implements accounts.PersonalStore. Millions of people load several times faster in the order of
// their e-mail addresses, because the index then grows at one end: see BenchmarkLoad.
func (p *Personal) CreateMany(ctx context.Context, people []accounts.Personal) error {
	return p.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, person := range people {
			if err := insertPerson(tx, person); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertPerson(tx *sqlite.Tx, person accounts.Personal) error {
	key, err := packID(ident.User, person.UserID)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO personal (user_id, email, address, birth_date) VALUES (?, ?, ?, ?)",
		key, person.Email, person.Address, person.BirthDate)
	if sqlite.IsUnique(err) {
		return accounts.ErrPersonExists(person.UserID)
	}
	if err != nil {
		return fmt.Errorf("insert the personal data of user %s: %w", person.UserID, err)
	}
	return nil
}

// SetDetails implements accounts.PersonalStore.
func (p *Personal) SetDetails(ctx context.Context, userID string, details accounts.Details) error {
	key, err := packUserID(userID)
	if err != nil {
		return err
	}
	return p.db.Write(ctx, func(tx *sqlite.Tx) error {
		changed, err := tx.Exec("UPDATE personal SET address = ?, birth_date = ? WHERE user_id = ?",
			details.Address, details.BirthDate, key)
		if err == nil && changed == 0 {
			return fault.ErrNotFound("user", userID)
		}
		return err
	})
}

// Personal implements accounts.PersonalStore.
func (p *Personal) Personal(ctx context.Context, userID string) (accounts.Personal, error) {
	key, err := packUserID(userID)
	if err != nil {
		return accounts.Personal{}, err
	}
	person := accounts.Personal{UserID: userID}
	err = p.db.QueryRow(ctx, "SELECT email, address, birth_date FROM personal WHERE user_id = ?", []any{key},
		&person.Email, &person.Address, &person.BirthDate)
	if err != nil {
		return accounts.Personal{}, sqlite.OrMissing(err, fault.ErrNotFound("user", userID))
	}
	return person, nil
}

// UserIDByEmail implements accounts.PersonalStore.
func (p *Personal) UserIDByEmail(ctx context.Context, email string) (string, error) {
	var key []byte
	if err := p.db.QueryRow(ctx, userIDByEmail, []any{email}, &key); err != nil {
		return "", sqlite.OrMissing(err, accounts.ErrEmailUnknown())
	}
	return ident.Unpack(ident.User, key)
}

// Delete implements accounts.PersonalStore.
func (p *Personal) Delete(ctx context.Context, userID string) error {
	key, err := packUserID(userID)
	if fault.Is(err, fault.NotFound) {
		return nil // no user has such an id
	}
	return p.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec("DELETE FROM personal WHERE user_id = ?", key)
		return err
	})
}
