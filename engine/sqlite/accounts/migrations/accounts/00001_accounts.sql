-- +goose Up

-- An id is the 16 bytes of its ULID. Times are milliseconds since 1970. A role is 0 shopper, 1 seller or
-- 2 admin: SQLite stores 0 and 1 without any bytes.
CREATE TABLE users (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    country    TEXT NOT NULL,
    role       INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A table of its own, so that profiles are dense and reading a profile never reads a hash. A user without a password has
-- no row.
CREATE TABLE credentials (
    user_id       BLOB PRIMARY KEY,
    password_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY, -- SHA-256
    id         BLOB NOT NULL,
    user_id    BLOB NOT NULL,
    role       INTEGER NOT NULL,
    issued     INTEGER NOT NULL, -- 1 for a token that an admin issued, 0 for a sign-in
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    note       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
