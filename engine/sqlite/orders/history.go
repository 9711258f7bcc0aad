package orders

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"agora/engine/sqlite"
	"agora/shop"
)

// History is the embedded shop.OrderViews.
type History struct{ db *sqlite.Database }

var _ shop.OrderViews = (*History)(nil)

// OpenHistory opens or creates the read model in the file at path.
func OpenHistory(ctx context.Context, path string) (*History, error) {
	db, err := sqlite.Open(ctx, path, migrations, "views")
	if err != nil {
		return nil, err
	}
	return &History{db}, nil
}

// Close finishes accepted writes and closes the file.
func (s *History) Close() error { return s.db.Close() }

// Views implements shop.OrderViews.
func (s *History) Views(ctx context.Context, ids []string) ([]shop.Order, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("encode ids: %w", err)
	}
	rows, err := s.db.Query(ctx, "SELECT body FROM views WHERE id IN (SELECT value FROM json_each(?))", string(list))
	return sqlite.Collect(rows, err, scanOrder)
}

// SaveViews implements shop.OrderViews.
func (s *History) SaveViews(ctx context.Context, orders []shop.Order) error {
	return s.db.Write(ctx, func(t *sqlite.Tx) error {
		for _, o := range orders {
			body, err := shop.EncodeOrder(o)
			if err != nil {
				return err
			}
			_, err = t.Exec(`INSERT INTO views (id, user_id, version, body) VALUES (?1, ?2, ?3, ?4)
				ON CONFLICT (id) DO UPDATE SET version = ?3, body = ?4 WHERE version < ?3`,
				o.ID, o.UserID, int64(o.Version), body)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ViewsByUser implements shop.OrderViews.
func (s *History) ViewsByUser(ctx context.Context, userID, before string, limit int) ([]shop.Order, error) {
	if before == "" {
		before = "ord`" // sorts after every id of an order, because '`' is the character after '_'
	}
	rows, err := s.db.Query(ctx,
		"SELECT body FROM views WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?", userID, before, limit)
	return sqlite.Collect(rows, err, scanOrder)
}

// EachView implements shop.OrderViews.
func (s *History) EachView(ctx context.Context, visit func(shop.Order) error) error {
	rows, err := s.db.Query(ctx, "SELECT body FROM views ORDER BY rowid")
	return sqlite.Each(rows, err, scanOrder, visit)
}

func scanOrder(rows *sql.Rows) (shop.Order, error) {
	var body sql.RawBytes
	if err := rows.Scan(&body); err != nil {
		return shop.Order{}, err
	}
	return shop.DecodeOrder(body)
}
