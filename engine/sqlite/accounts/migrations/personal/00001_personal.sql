-- +goose Up

-- A file of its own, because personal data may have to stay in its owner's region. user_id is the 16 bytes of the id's
-- ULID. address and birth_date are empty if unknown.
CREATE TABLE personal (
    user_id    BLOB PRIMARY KEY,
    email      TEXT NOT NULL,
    address    TEXT NOT NULL,
    birth_date TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX personal_by_email ON personal (email);
