-- +goose Up

-- What the seller wrote about a product, as JSON. The position grows from product to product, and is the order of lists.
CREATE TABLE products (
    position INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    sku      TEXT    NOT NULL UNIQUE,
    version  INTEGER NOT NULL,
    document BLOB    NOT NULL
);

-- The narrow row that lists and searches read. Terms have a space before and after each: ' w w t t '.
CREATE TABLE cards (
    position INTEGER PRIMARY KEY,
    currency TEXT    NOT NULL,
    amount   INTEGER NOT NULL,
    terms    TEXT    NOT NULL,
    card     BLOB    NOT NULL
);
CREATE INDEX cards_by_price ON cards (currency, amount);

-- Columns that change thousands of times a second have a table of their own, so that no large row is rewritten with them.
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

-- Every term and how many products have it. Prefixes are expanded from it, and it predicts the cost of a search.
CREATE TABLE vocabulary (
    term     TEXT    PRIMARY KEY,
    products INTEGER NOT NULL
) WITHOUT ROWID;

-- The inverted index. It only has which position has which term, because agora tokenizes and ranks by itself. Prefixes of
-- two and three characters (the letter of the kind and one or two letters of a word) are indexed, because too many words
-- begin with them to expand them.
CREATE VIRTUAL TABLE search USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3'
);
