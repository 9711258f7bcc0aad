-- +goose Up

-- Personal data may have to stay in its owner's region: nothing refers to this table, so that it can be in a database of
-- its own. user_id is the 16 bytes of the id's ULID. address and birth_date are empty if unknown.
CREATE TABLE personal (
    user_id    bytea PRIMARY KEY,
    email      text NOT NULL COLLATE "C" UNIQUE,
    address    text NOT NULL,
    birth_date text NOT NULL
);

-- +goose Down
DROP TABLE personal;
