-- +goose Up

-- The read model of orders. Ids sort by time, so that the newest orders of a customer are at the end of their range.
CREATE TABLE views (
    id      text COLLATE "C" PRIMARY KEY,
    user_id text NOT NULL COLLATE "C",
    version bigint NOT NULL,
    body    bytea NOT NULL -- the order as JSON
) WITH (fillfactor = 70); -- room for an order's next version on its own page

CREATE INDEX views_by_user ON views (user_id, id);

-- +goose Down
DROP TABLE views;
