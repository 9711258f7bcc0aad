package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"agora/shop"
)

// Views is the embedded shop.OrderViews.
type Views struct{ db *database }

var _ shop.OrderViews = (*Views)(nil)

// OpenViews opens or creates the read model in the file at path.
func OpenViews(ctx context.Context, path string) (*Views, error) {
	db, err := open(ctx, path, "views")
	if err != nil {
		return nil, err
	}
	return &Views{db}, nil
}

// Close finishes accepted writes and closes the file.
func (s *Views) Close() error { return s.db.close() }

// Views implements shop.OrderViews.
func (s *Views) Views(ctx context.Context, ids []string) ([]shop.Order, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("encode ids: %w", err)
	}
	rows, err := s.db.read.query(ctx, "SELECT body FROM views WHERE id IN (SELECT value FROM json_each(?))", string(list))
	return collect(rows, err, scanOrder)
}

// SaveViews implements shop.OrderViews.
func (s *Views) SaveViews(ctx context.Context, orders []shop.Order) error {
	return s.db.writer.do(ctx, func(t *tx) error {
		for _, o := range orders {
			body, err := shop.EncodeOrder(o)
			if err != nil {
				return err
			}
			_, err = t.exec(`INSERT INTO views (id, user_id, version, body) VALUES (?1, ?2, ?3, ?4)
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
func (s *Views) ViewsByUser(ctx context.Context, userID, before string, limit int) ([]shop.Order, error) {
	if before == "" {
		before = "ord`" // sorts behind every id of an order: '`' is the character after '_'
	}
	rows, err := s.db.read.query(ctx,
		"SELECT body FROM views WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?", userID, before, limit)
	return collect(rows, err, scanOrder)
}

// EachView implements shop.OrderViews.
func (s *Views) EachView(ctx context.Context, visit func(shop.Order) error) error {
	rows, err := s.db.read.query(ctx, "SELECT body FROM views ORDER BY rowid")
	return each(rows, err, scanOrder, visit)
}

func scanOrder(rows *sql.Rows) (shop.Order, error) {
	var body sql.RawBytes
	if err := rows.Scan(&body); err != nil {
		return shop.Order{}, err
	}
	return shop.DecodeOrder(body)
}
