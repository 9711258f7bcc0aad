-- +goose Up

-- An id is the 16 bytes of its ULID. Times are to the millisecond. A role is 0 shopper, 1 seller or 2 admin.
CREATE TABLE users (
    id         bytea PRIMARY KEY,
    name       text NOT NULL,
    country    text NOT NULL,
    role       smallint NOT NULL,
    created_at timestamptz NOT NULL
);

-- A table of its own, so that profiles are dense and reading a profile never reads a hash. A user without a password has
-- no row.
CREATE TABLE credentials (
    user_id       bytea PRIMARY KEY,
    password_hash text NOT NULL
);

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY, -- SHA-256
    id         bytea NOT NULL,
    user_id    bytea NOT NULL,
    role       smallint NOT NULL,
    issued     boolean NOT NULL, -- by an admin, as a token; otherwise by signing in
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    note       text NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- +goose Down
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE users;
