-- +goose Up

-- Where rows change often, pages have free space, so that a new version stays on its page and no index changes (heap-only
-- tuples). Names are compared byte by byte, which is cheaper than the order of a language.

-- The units of each SKU, and how many of them are held for orders that are not paid yet. held is over on_hand if a count
-- found fewer units than were held.
CREATE TABLE stock (
    sku     text COLLATE "C" PRIMARY KEY,
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    held    bigint NOT NULL CHECK (held >= 0),
    version bigint NOT NULL
) WITH (fillfactor = 50);

-- body is the encoded order. The other columns are those that transactions and audits search.
CREATE TABLE orders (
    id              text COLLATE "C" PRIMARY KEY,
    user_id         text NOT NULL COLLATE "C",
    state           text NOT NULL,
    version         bigint NOT NULL,
    idempotency_key text COLLATE "C" UNIQUE, -- user id and key: a claim lives as long as its order
    request_hash    bytea,
    body            bytea NOT NULL
) WITH (fillfactor = 60);

-- Unfinished sagas only, so that the table stays small.
CREATE TABLE sagas (
    order_id text COLLATE "C" PRIMARY KEY,
    step     text NOT NULL,
    attempt  bigint NOT NULL,
    due      timestamptz NOT NULL
);
CREATE INDEX sagas_by_due ON sagas (due, order_id);

-- Append-only. It is the ledger, the history of each order and, read from outbox.relayed on, the outbox. A transaction
-- that appends takes the lock of lock_journal first and holds it to its end, so that seq is the order of the commits and no
-- entry becomes visible before one that was read.
CREATE TABLE journal (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream  text NOT NULL COLLATE "C",
    version bigint NOT NULL,
    kind    text NOT NULL,
    at      timestamptz NOT NULL,
    body    bytea NOT NULL,
    UNIQUE (stream, version)
);

-- One row: the journal up to here is on the event log.
CREATE TABLE outbox (
    one     boolean PRIMARY KEY CHECK (one),
    relayed bigint NOT NULL
);
INSERT INTO outbox VALUES (true, 0);

-- The progress of the import of each source, committed together with what it imported.
CREATE TABLE imports (
    source   text COLLATE "C" PRIMARY KEY,
    progress bytea NOT NULL
);

-- The lock is for this journal, and not for those in other schemas of the database.
CREATE FUNCTION lock_journal() RETURNS void LANGUAGE sql AS
$$ SELECT pg_advisory_xact_lock('journal'::regclass::oid::bigint) $$;

-- keep stores a group of transitions of orders, each of them whole or not at all. Row r of the arrays ids to dues is
-- transition r; an order or a key may be in a group only once. The moves are in the order of their transitions (move_of),
-- and name their SKU by its index in skus, which is sorted: every function locks stock in this order. It returns nothing
-- for a transition that was stored, and for the others the reason:
--   claimed  an order has the key already: body and hash are of that order
--   exists, missing, stale
--   short    once for each move (its index in move_of) that the stock does not cover, with the available units
-- +goose StatementBegin
CREATE FUNCTION keep(
    skus text[],
    ids text[], placed boolean[], users text[], states text[], versions bigint[], keys text[], hashes bytea[], bodies bytea[],
    kinds text[], times timestamptz[], facts bytea[], steps text[], attempts bigint[], dues timestamptz[],
    move_of int[], move_sku int[], move_on_hand bigint[], move_held bigint[]
) RETURNS TABLE (request int, outcome text, move int, available bigint, body bytea, hash bytea)
LANGUAGE plpgsql AS $$
DECLARE
    -- Only arrays of fixed width are looked into by their index, which for others is a search from the start.
    n       int := cardinality(ids);
    units   bigint[] := array_fill(0::bigint, ARRAY[cardinality(skus)]); -- on hand
    holds   bigint[] := units;
    stocked boolean[] := array_fill(false, ARRAY[cardinality(skus)]);
    moved   bigint[] := units;                                 -- how many transitions moved the SKU
    current bigint[] := array_fill(0::bigint, ARRAY[n]);        -- version of each order, 0 for none
    claimed boolean[] := array_fill(false, ARRAY[n]);
    kept    boolean[] := claimed;
    moves   int := coalesce(cardinality(move_of), 0);
    first   int;
    next    int := 1;
    s       int;
    bears   boolean;
    found   record;
BEGIN
    FOR found IN
        SELECT u.i, t.on_hand, t.held FROM unnest(skus) WITH ORDINALITY u(sku, i) JOIN stock t ON t.sku = u.sku
        ORDER BY u.i FOR UPDATE OF t
    LOOP
        units[found.i] := found.on_hand;
        holds[found.i] := found.held;
        stocked[found.i] := true;
    END LOOP;
    FOR found IN
        SELECT u.i, o.version FROM unnest(ids) WITH ORDINALITY u(id, i) JOIN orders o ON o.id = u.id
        ORDER BY o.id FOR UPDATE OF o
    LOOP
        current[found.i] := found.version;
    END LOOP;
    FOR found IN
        SELECT u.i, o.body, o.request_hash FROM unnest(keys) WITH ORDINALITY u(key, i) JOIN orders o ON o.idempotency_key = u.key
    LOOP
        claimed[found.i] := true;
        request := found.i; outcome := 'claimed'; body := found.body; hash := found.request_hash;
        RETURN NEXT;
    END LOOP;
    body := NULL; hash := NULL;

    FOR r IN 1..n LOOP
        first := next;
        WHILE next <= moves AND move_of[next] = r LOOP
            next := next + 1;
        END LOOP;
        request := r;
        CONTINUE WHEN claimed[r];
        outcome := CASE
            WHEN placed[r] AND current[r] <> 0 THEN 'exists'
            WHEN placed[r] THEN NULL
            WHEN current[r] = 0 THEN 'missing'
            WHEN current[r] <> versions[r] - 1 THEN 'stale'
        END;
        IF outcome IS NOT NULL THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        bears := true;
        FOR m IN first..next - 1 LOOP
            s := move_sku[m];
            IF units[s] + move_on_hand[m] < 0 OR holds[s] + move_held[m] < 0
                OR (move_held[m] > 0 AND units[s] - holds[s] < move_held[m])
            THEN
                bears := false;
                outcome := 'short'; move := m; available := greatest(0, units[s] - holds[s]);
                RETURN NEXT;
            END IF;
        END LOOP;
        CONTINUE WHEN NOT bears;
        kept[r] := true;
        FOR m IN first..next - 1 LOOP
            s := move_sku[m];
            units[s] := units[s] + move_on_hand[m];
            holds[s] := holds[s] + move_held[m];
            moved[s] := moved[s] + 1;
        END LOOP;
    END LOOP;
    IF NOT true = ANY (kept) THEN
        RETURN;
    END IF;

    UPDATE stock t SET on_hand = u.on_hand, held = u.held, version = t.version + u.moved
        FROM unnest(skus, units, holds, moved) u(sku, on_hand, held, moved)
        WHERE t.sku = u.sku AND u.moved > 0;
    INSERT INTO stock
        SELECT u.sku, u.on_hand, u.held, u.moved FROM unnest(skus, units, holds, moved, stocked) u(sku, on_hand, held, moved, stocked)
        WHERE u.moved > 0 AND NOT u.stocked;
    INSERT INTO orders (id, user_id, state, version, idempotency_key, request_hash, body)
        SELECT u.id, u.user_id, u.state, u.version, nullif(u.key, ''), u.hash, u.body
        FROM unnest(ids, users, states, versions, keys, hashes, bodies, kept, placed)
            u(id, user_id, state, version, key, hash, body, kept, placed)
        WHERE u.kept AND u.placed;
    UPDATE orders o SET state = u.state, version = u.version, body = u.body
        FROM unnest(ids, states, versions, bodies, kept, placed) u(id, state, version, body, kept, placed)
        WHERE o.id = u.id AND u.kept AND NOT u.placed;
    DELETE FROM sagas g USING unnest(ids, steps, kept, placed) u(id, step, kept, placed)
        WHERE g.order_id = u.id AND u.kept AND NOT u.placed AND u.step = '';
    INSERT INTO sagas AS g (order_id, step, attempt, due)
        SELECT u.id, u.step, u.attempt, u.due
        FROM unnest(ids, steps, attempts, dues, kept) u(id, step, attempt, due, kept)
        WHERE u.kept AND u.step <> ''
        ON CONFLICT (order_id) DO UPDATE SET step = excluded.step, attempt = excluded.attempt, due = excluded.due;
    PERFORM lock_journal();
    INSERT INTO journal (stream, version, kind, at, body)
        SELECT u.id, u.version, u.kind, u.at, u.fact
        FROM unnest(ids, versions, kinds, times, facts, kept) u(id, version, kind, at, fact, kept)
        WHERE u.kept;
END $$
    SET plan_cache_mode = force_generic_plan
    -- Each of these arrays is small and each of these tables may be large, whatever statistics say of a new one.
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION keep;
DROP FUNCTION lock_journal;
DROP TABLE imports;
DROP TABLE outbox;
DROP TABLE journal;
DROP TABLE sagas;
DROP TABLE orders;
DROP TABLE stock;
