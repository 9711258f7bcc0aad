package orders

import (
	"context"
	"maps"
	"slices"

	"agora/engine/postgres"
	"agora/shop"
)

// History is a shop.OrderViews.
type History struct{ db *postgres.Database }

var _ shop.OrderViews = (*History)(nil)

// OpenHistory returns the read model of orders in a database.
func OpenHistory(ctx context.Context, db *postgres.Database) (*History, error) {
	if err := db.Migrate(ctx, migrations, "views"); err != nil {
		return nil, err
	}
	return &History{db}, nil
}

// Views implements shop.OrderViews.
func (v *History) Views(ctx context.Context, ids []string) ([]shop.Order, error) {
	return postgres.Collect(ctx, v.db, scanOrder, "SELECT body FROM views WHERE id = ANY($1)", ids)
}

// SaveViews implements shop.OrderViews.
func (v *History) SaveViews(ctx context.Context, orders []shop.Order) error {
	newest := map[string]shop.Order{}
	for _, o := range orders {
		if o.Version >= newest[o.ID].Version {
			newest[o.ID] = o
		}
	}
	var users []string
	var versions []int64
	var bodies [][]byte
	// Rows are locked in the order of their ids, so that two servers cannot wait for each other.
	ids := slices.Sorted(maps.Keys(newest))
	for _, id := range ids {
		o := newest[id]
		body, err := shop.EncodeOrder(o)
		if err != nil {
			return err
		}
		users, versions, bodies = append(users, o.UserID), append(versions, int64(o.Version)), append(bodies, body)
	}
	_, err := v.db.Exec(ctx, `INSERT INTO views AS v (id, user_id, version, body)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body WHERE v.version < excluded.version`,
		ids, users, versions, bodies)
	return err
}

// ViewsByUser implements shop.OrderViews.
func (v *History) ViewsByUser(ctx context.Context, userID, before string, limit int) ([]shop.Order, error) {
	if before == "" {
		before = "ord`" // sorts after every id of an order, because '`' is the character after '_'
	}
	return postgres.Collect(ctx, v.db, scanOrder,
		"SELECT body FROM views WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", userID, before, limit)
}

// EachView implements shop.OrderViews.
func (v *History) EachView(ctx context.Context, visit func(shop.Order) error) error {
	return postgres.Each(ctx, v.db, scanOrder, visit, "SELECT body FROM views")
}
