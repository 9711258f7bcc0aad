-- +goose Up

-- What a seller wrote of a product, as JSON. The position is the product's place in all lists.
CREATE TABLE products (
    position INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    sku      TEXT    NOT NULL UNIQUE,
    version  INTEGER NOT NULL,
    document BLOB    NOT NULL
);

-- The narrow row that lists and searches read. Terms have spaces on both sides: ' w w t t '.
CREATE TABLE cards (
    position INTEGER PRIMARY KEY,
    currency TEXT    NOT NULL,
    amount   INTEGER NOT NULL,
    terms    TEXT    NOT NULL,
    card     BLOB    NOT NULL
);
CREATE INDEX cards_by_price ON cards (currency, amount);

-- What changes thousands of times a second is apart from what it would have to be rewritten with.
-- A product without a row has no stock and no reviews.
CREATE TABLE live (
    position      INTEGER PRIMARY KEY,
    available     INTEGER NOT NULL DEFAULT 0,
    stock_version INTEGER NOT NULL DEFAULT 0,
    rating_count  INTEGER NOT NULL DEFAULT 0,
    rating_sum    INTEGER NOT NULL DEFAULT 0,
    revision      INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE reviews (
    number   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    user     TEXT    NOT NULL,
    document TEXT    NOT NULL,
    UNIQUE (position, user)
);
CREATE INDEX reviews_of_product ON reviews (position, number);

-- Every term and how many products have it: what prefixes are expanded from, and the work of a search is foreseen by.
CREATE TABLE vocabulary (
    term     TEXT    PRIMARY KEY,
    products INTEGER NOT NULL
) WITHOUT ROWID;

-- The inverted index: nothing but which position has which term, because terms come tokenized and ranking is
-- not SQLite's. Prefixes of two and three characters are terms of their own (a kind letter and the first one or
-- two letters of a word): too many words begin with them to be expanded.
CREATE VIRTUAL TABLE search USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3'
);
