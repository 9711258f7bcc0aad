-- +goose Up

-- The units of each SKU, and how many of them are held for orders that are not paid yet. held is over on_hand if a count
-- found fewer units than were held.
CREATE TABLE stock (
    sku     TEXT PRIMARY KEY,
    on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
    held    INTEGER NOT NULL CHECK (held >= 0),
    version INTEGER NOT NULL
) WITHOUT ROWID;

-- body is the encoded order. The other columns are those that transactions and audits search.
CREATE TABLE orders (
    rowid           INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    user_id         TEXT NOT NULL,
    state           TEXT NOT NULL,
    version         INTEGER NOT NULL,
    idempotency_key TEXT UNIQUE, -- user id and key: a claim lives as long as its order
    request_hash    BLOB,
    body            BLOB NOT NULL
);

-- Unfinished sagas only, so that the table stays small.
CREATE TABLE sagas (
    order_id TEXT PRIMARY KEY,
    step     TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    due      INTEGER NOT NULL -- microseconds since 1970
) WITHOUT ROWID;

-- Append-only. It is the ledger, the history of each order and, read from outbox.relayed on, the outbox.
CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY, -- rises, as no row is ever deleted
    stream  TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    at      INTEGER NOT NULL, -- microseconds since 1970
    body    BLOB NOT NULL,
    UNIQUE (stream, version)
);

-- One row: the journal up to here is on the event log.
CREATE TABLE outbox (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    relayed INTEGER NOT NULL
);
INSERT INTO outbox VALUES (1, 0);

-- The progress of the import of each source, committed together with what it imported.
CREATE TABLE imports (
    source   TEXT PRIMARY KEY,
    progress BLOB NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE imports;
DROP TABLE outbox;
DROP TABLE journal;
DROP TABLE sagas;
DROP TABLE orders;
DROP TABLE stock;
