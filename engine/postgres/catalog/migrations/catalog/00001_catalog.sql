-- +goose Up

-- The narrow row that lists, searches and orders read, with stock and rating, which change often. No indexed column changes
-- with them, and pages have free space, so that a new version of a row stays on its page (heap-only tuples).
CREATE TABLE cards (
    position      bigint PRIMARY KEY, -- grows from product to product, and is the order of lists
    version       bigint NOT NULL,
    amount        bigint NOT NULL,    -- minor units
    available     bigint NOT NULL DEFAULT 0,
    stock_version bigint NOT NULL DEFAULT 0,
    rating_count  bigint NOT NULL DEFAULT 0,
    rating_sum    bigint NOT NULL DEFAULT 0,
    revision      bigint NOT NULL DEFAULT 0,
    currency      text NOT NULL COLLATE "C",
    id            text NOT NULL COLLATE "C" UNIQUE,
    sku           text NOT NULL COLLATE "C" UNIQUE,
    card          bytea NOT NULL -- shop.EncodeCard
) WITH (fillfactor = 80);
CREATE INDEX cards_by_price ON cards (currency, amount, position);

-- What the seller wrote about a product, as JSON, and its terms in the index: ' w w | t t '.
CREATE TABLE documents (
    position bigint PRIMARY KEY,
    terms    text NOT NULL COLLATE "C",
    document bytea NOT NULL
);

CREATE TABLE reviews (
    number   bigint GENERATED ALWAYS AS IDENTITY,
    position bigint NOT NULL,
    author   text NOT NULL COLLATE "C",
    document bytea NOT NULL, -- JSON
    PRIMARY KEY (position, number),
    UNIQUE (position, author)
);

-- The inverted index. A row has some positions of one term. gaps are varints: the differences from each position to the one
-- before, beginning with first. Rows of a term do not overlap: all positions of the row with the lower first are lower.
-- first does not change when its position is removed.
CREATE TABLE postings (
    first bigint NOT NULL,
    n     int NOT NULL, -- positions in the row
    term  text NOT NULL COLLATE "C",
    gaps  bytea NOT NULL,
    PRIMARY KEY (term, first)
);

-- take_positions returns the first of a range of new positions. Products that are inserted together get a range, so that
-- they share rows of postings. Other transactions wait for this function only, not for the end of the transaction: so the
-- lock belongs to the session, and has to be released after every error.
CREATE SEQUENCE positions;
-- +goose StatementBegin
CREATE FUNCTION take_positions(many bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    lock  bigint := 'positions'::regclass::oid::bigint;
    taken bigint;
BEGIN
    PERFORM pg_advisory_lock(lock);
    taken := nextval('positions');
    PERFORM setval('positions', taken + many - 1);
    PERFORM pg_advisory_unlock(lock);
    RETURN taken;
EXCEPTION WHEN query_canceled OR others THEN
    PERFORM pg_advisory_unlock(lock);
    RAISE;
END $$;
-- +goose StatementEnd

-- The functions below read the index step by step, and their plans are fixed. A plan that is made while the table is small,
-- or for a rare term, is right when the table is large and the term common.

-- newest returns the newest rows of each term that have a position below one, until they have the wanted number of
-- positions.
-- +goose StatementBegin
CREATE FUNCTION newest(terms text[], below bigint, wanted int) RETURNS TABLE (of int, lowest bigint, gaps bytea)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r record;
    had int;
BEGIN
    FOR i IN 1..cardinality(terms) LOOP
        had := 0;
        of := i;
        FOR r IN SELECT p.first, p.n, p.gaps FROM postings p WHERE p.term = terms[i] AND p.first < below
            ORDER BY p.first DESC LIMIT wanted
        LOOP
            lowest := r.first; gaps := r.gaps;
            RETURN NEXT;
            had := had + r.n;
            EXIT WHEN had >= wanted;
        END LOOP;
    END LOOP;
END $$
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off;
-- +goose StatementEnd

-- around returns the rows of each term that span one of the places, which are positions and descend. For term i it begins
-- with places[froms[i]]. It steps from a row to the next place below it, however many places or rows are in between.
-- +goose StatementBegin
CREATE FUNCTION around(terms text[], froms int[], places bigint[]) RETURNS TABLE (of int, lowest bigint, gaps bytea)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    many int := cardinality(places);
    at   int;
BEGIN
    FOR i IN 1..cardinality(terms) LOOP
        of := i;
        at := froms[i];
        WHILE at <= many LOOP
            SELECT p.first, p.gaps INTO lowest, gaps FROM postings p WHERE p.term = terms[i] AND p.first <= places[at]
                ORDER BY p.first DESC LIMIT 1;
            EXIT WHEN NOT FOUND;
            RETURN NEXT;
            WHILE at <= many AND places[at] >= lowest LOOP
                at := at + 1;
            END LOOP;
        END LOOP;
    END LOOP;
END $$
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off;
-- +goose StatementEnd

-- begins returns the terms from prefix up to, but without, past, the last ones if there are many. Each has its newest row:
-- the lowest position and the number of positions.
-- +goose StatementBegin
CREATE FUNCTION begins(prefix text, past text, most int) RETURNS TABLE (term text, lowest bigint, many int)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    term := past;
    FOR i IN 1..most LOOP
        SELECT p.term, p.first, p.n INTO term, lowest, many FROM postings p WHERE p.term >= prefix AND p.term < begins.term
            ORDER BY p.term DESC, p.first DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        RETURN NEXT;
    END LOOP;
END $$
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off;
-- +goose StatementEnd

-- walk returns the next products in the order of a scan: 0 newest, 1 cheapest, 2 most expensive first. Prices are of one
-- currency, from low to high. A walk begins after a price and a position.
-- +goose StatementBegin
CREATE FUNCTION walk(direction int, money text, low bigint, high bigint, price bigint, place bigint, wanted int)
RETURNS TABLE (amount bigint, "position" bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE direction
    WHEN 0 THEN
        RETURN QUERY SELECT 0::bigint, c.position FROM cards c WHERE c.position < place ORDER BY c.position DESC LIMIT wanted;
    WHEN 1 THEN
        RETURN QUERY SELECT c.amount, c.position FROM cards c
            WHERE c.currency = money AND c.amount >= low AND c.amount <= high AND (c.amount, c.position) > (price, place)
            ORDER BY c.amount, c.position LIMIT wanted;
    ELSE
        RETURN QUERY SELECT c.amount, c.position FROM cards c
            WHERE c.currency = money AND c.amount >= low AND c.amount <= high AND (c.amount, c.position) < (price, place)
            ORDER BY c.amount DESC, c.position DESC LIMIT wanted;
    END CASE;
END $$
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off;
-- +goose StatementEnd

-- set_inventory stores the stock that is newer, each SKU once, and returns the ids of the products that it changed. It locks
-- rows in the order of their positions, so that two servers cannot wait for each other.
-- +goose StatementBegin
CREATE FUNCTION set_inventory(skus text[], amounts bigint[], versions bigint[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    positions bigint[];
    stocked   bigint[];
    newer     bigint[];
    differ    int[];
    changed   text[];
BEGIN
    SELECT array_agg(l.position), array_agg(l.amount), array_agg(l.version), array_agg(l.differs::int),
            array_agg(l.id) FILTER (WHERE l.differs)
        INTO positions, stocked, newer, differ, changed
        FROM (SELECT c.position, c.id, c.available <> u.amount AS differs, u.amount, u.version
            FROM unnest(skus, amounts, versions) u(sku, amount, version) JOIN cards c ON c.sku = u.sku
            WHERE c.stock_version < u.version ORDER BY c.position FOR UPDATE OF c) l;
    UPDATE cards c SET available = u.amount, stock_version = u.version, revision = c.revision + u.differs
        FROM unnest(positions, stocked, newer, differ) u(position, amount, version, differs) WHERE c.position = u.position;
    RETURN QUERY SELECT unnest(changed);
END $$
    SET plan_cache_mode = force_custom_plan -- which knows how many there are
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION set_inventory;
DROP FUNCTION walk;
DROP FUNCTION begins;
DROP FUNCTION around;
DROP FUNCTION newest;
DROP FUNCTION take_positions;
DROP SEQUENCE positions;
DROP TABLE postings;
DROP TABLE reviews;
DROP TABLE documents;
DROP TABLE cards;
