package accounts

import (
	"context"

	"agora/accounts"
	"agora/engine/postgres"
	"agora/fault"
	"agora/ident"
)

// Personal is an accounts.PersonalStore.
type Personal struct{ db *postgres.Database }

var _ accounts.PersonalStore = (*Personal)(nil)

// OpenPersonal returns the store of personal data in a database.
func OpenPersonal(ctx context.Context, db *postgres.Database) (*Personal, error) {
	if err := db.Migrate(ctx, migrations, "personal"); err != nil {
		return nil, err
	}
	return &Personal{db}, nil
}

// Claim implements accounts.PersonalStore.
func (p *Personal) Claim(ctx context.Context, email, userID string) (string, error) {
	key, err := packID(ident.User, userID)
	if err != nil {
		return "", err
	}
	claimed, err := p.db.Exec(ctx, `INSERT INTO personal (user_id, email, address, birth_date)
		VALUES ($1, $2, '', '') ON CONFLICT DO NOTHING`, key, email)
	if err != nil {
		return "", err
	}
	if claimed == 1 {
		return userID, nil
	}
	holder, err := p.UserIDByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) {
		return "", accounts.ErrPersonExists(userID) // the user exists, and not the address
	}
	return holder, err
}

// CreateMany implements accounts.PersonalStore. Millions of people load faster in the order of their e-mail addresses,
// because the index then grows at one end.
func (p *Personal) CreateMany(ctx context.Context, people []accounts.Personal) error {
	keys := make([][]byte, len(people))
	emails, addresses, births := make([]string, len(people)), make([]string, len(people)), make([]string, len(people))
	for i, person := range people {
		key, err := packID(ident.User, person.UserID)
		if err != nil {
			return err
		}
		keys[i], emails[i], addresses[i], births[i] = key, person.Email, person.Address, person.BirthDate
	}
	_, err := p.db.Exec(ctx, `INSERT INTO personal (user_id, email, address, birth_date)
		SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[])`, keys, emails, addresses, births)
	if postgres.IsUnique(err) {
		return fault.New(fault.Conflict, "person_exists", "one of the users or their e-mail addresses is registered already")
	}
	return err
}

// SetDetails implements accounts.PersonalStore.
func (p *Personal) SetDetails(ctx context.Context, userID string, details accounts.Details) error {
	key, err := packUserID(userID)
	if err != nil {
		return err
	}
	changed, err := p.db.Exec(ctx, "UPDATE personal SET address = $1, birth_date = $2 WHERE user_id = $3",
		details.Address, details.BirthDate, key)
	if err == nil && changed == 0 {
		return fault.ErrNotFound("user", userID)
	}
	return err
}

// Personal implements accounts.PersonalStore.
func (p *Personal) Personal(ctx context.Context, userID string) (accounts.Personal, error) {
	key, err := packUserID(userID)
	if err != nil {
		return accounts.Personal{}, err
	}
	person := accounts.Personal{UserID: userID}
	err = p.db.Pool().QueryRow(ctx, "SELECT email, address, birth_date FROM personal WHERE user_id = $1", key).
		Scan(&person.Email, &person.Address, &person.BirthDate)
	if err != nil {
		return accounts.Personal{}, postgres.OrMissing(err, fault.ErrNotFound("user", userID))
	}
	return person, nil
}

// UserIDByEmail implements accounts.PersonalStore.
func (p *Personal) UserIDByEmail(ctx context.Context, email string) (string, error) {
	var key []byte
	if err := p.db.Pool().QueryRow(ctx, "SELECT user_id FROM personal WHERE email = $1", email).Scan(&key); err != nil {
		return "", postgres.OrMissing(err, accounts.ErrEmailUnknown())
	}
	return ident.Unpack(ident.User, key)
}

// Delete implements accounts.PersonalStore.
func (p *Personal) Delete(ctx context.Context, userID string) error {
	key, err := packUserID(userID)
	if fault.Is(err, fault.NotFound) {
		return nil // no user has such an id
	}
	_, err = p.db.Exec(ctx, "DELETE FROM personal WHERE user_id = $1", key)
	return err
}
