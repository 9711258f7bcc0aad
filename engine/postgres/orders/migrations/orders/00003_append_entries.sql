-- +goose Up

-- link is journal.Entry.Link. It is one expression and STABLE, so that PostgreSQL inlines it.
CREATE OR REPLACE FUNCTION link(before bytea, seq bigint, version bigint, at timestamptz, stream text, kind text, body bytea)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(coalesce(before, decode(repeat('00', 32), 'hex'))
        || int8send(seq) || int8send(version) || int8send((extract(epoch FROM at) * 1000000)::bigint)
        || int4send(octet_length(stream)) || convert_to(stream, 'UTF8')
        || int4send(octet_length(kind)) || convert_to(kind, 'UTF8') || body)
$$;

-- append_entries appends the entries for which chosen is true, in the order of the arrays. It reads the newest hash once, where
-- the trigger reads it for each entry; other transactions append nothing before this one ends, because it has the lock.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION append_entries(
    streams text[], versions bigint[], kinds text[], times timestamptz[], bodies bytea[], chosen boolean[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n      int := cardinality(streams);
    seqs   bigint[] := array_fill(NULL::bigint, ARRAY[n]);
    hashes bytea[] := array_fill(NULL::bytea, ARRAY[n]);
    newest bytea;
BEGIN
    PERFORM lock_journal();
    SELECT j.hash INTO newest FROM journal j ORDER BY j.seq DESC LIMIT 1;
    FOR i IN 1..n LOOP
        CONTINUE WHEN NOT chosen[i];
        seqs[i] := nextval('journal_seq_seq');
        newest := link(newest, seqs[i], versions[i], times[i], streams[i], kinds[i], bodies[i]);
        hashes[i] := newest;
    END LOOP;
    INSERT INTO journal (seq, stream, version, kind, at, body, hash) OVERRIDING SYSTEM VALUE
        SELECT u.seq, u.stream, u.version, u.kind, u.at, u.body, u.hash
        FROM unnest(seqs, streams, versions, kinds, times, bodies, hashes) u(seq, stream, version, kind, at, body, hash)
        WHERE u.seq IS NOT NULL;
END $$;
-- +goose StatementEnd

-- For the entries that servers of the version before insert without append_entries.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION chain_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bytea;
BEGIN
    SELECT j.hash INTO before FROM journal j ORDER BY j.seq DESC LIMIT 1;
    NEW.hash := link(before, NEW.seq, NEW.version, NEW.at, NEW.stream, NEW.kind, NEW.body);
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER chain_entry BEFORE INSERT ON journal FOR EACH ROW WHEN (NEW.hash IS NULL) EXECUTE FUNCTION chain_entry();

-- keep as before, but for append_entries at its end.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep(
    skus text[],
    ids text[], placed boolean[], users text[], states text[], versions bigint[], keys text[], hashes bytea[], bodies bytea[],
    kinds text[], times timestamptz[], facts bytea[], steps text[], attempts bigint[], dues timestamptz[],
    move_of int[], move_sku int[], move_on_hand bigint[], move_held bigint[]
) RETURNS TABLE (request int, outcome text, move int, available bigint, body bytea, hash bytea)
LANGUAGE plpgsql AS $$
DECLARE
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
    PERFORM append_entries(ids, versions, kinds, times, facts, kept);
END $$
    SET plan_cache_mode = force_generic_plan
    -- Each of these arrays is small and each of these tables may be large, whatever statistics say of a new one.
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off;
-- +goose StatementEnd

-- +goose Down
-- keep goes on to call append_entries, which leaves the hashes to the trigger.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION append_entries(
    streams text[], versions bigint[], kinds text[], times timestamptz[], bodies bytea[], chosen boolean[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_journal();
    INSERT INTO journal (stream, version, kind, at, body)
        SELECT u.stream, u.version, u.kind, u.at, u.body
        FROM unnest(streams, versions, kinds, times, bodies, chosen) u(stream, version, kind, at, body, chosen)
        WHERE u.chosen;
END $$;
-- +goose StatementEnd
