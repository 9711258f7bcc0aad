-- +goose Up

-- Personal data has to be able to stay in its owner's region: nothing refers to it, so that it can be in a
-- database of its own. user_id is the 16 bytes of the id's ULID. address and birth_date are empty where they
-- are not known.
CREATE TABLE personal (
    user_id    bytea PRIMARY KEY,
    email      text NOT NULL COLLATE "C" UNIQUE,
    address    text NOT NULL,
    birth_date text NOT NULL
);

-- +goose Down
DROP TABLE personal;
