-- +goose Up

-- The read model of orders. Ids sort by time, so that the newest orders of a customer are at the end of their range.
CREATE TABLE views (
    id      TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB NOT NULL -- the order as JSON
);
CREATE INDEX views_by_user ON views (user_id, id);

-- +goose Down
DROP TABLE views;
