-- A database that holds version 1 of every schema, with a few products, people, orders and events. It is never changed.

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.append_records(to_topic integer, touched integer[], counts bigint[], sizes bigint[], parts integer[], nths bigint[], befores bigint[], times timestamp with time zone[], ids bytea[], kinds bytea[], keys bytea[], bodies bytea[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    clock timestamptz;
BEGIN
    PERFORM FROM partitions p WHERE p.topic = to_topic AND p.partition = ANY (touched) ORDER BY p.partition FOR UPDATE;
    clock := date_trunc('milliseconds', clock_timestamp());
    INSERT INTO records (topic, partition, seq, before, appended, at, id, kind, key, value)
        SELECT to_topic, u.part, p.next + u.nth, p.bytes + u.before, greatest(p.appended, clock), u.at, u.id, u.kind, u.key, u.body
        FROM unnest(parts, nths, befores, times, ids, kinds, keys, bodies) u(part, nth, before, at, id, kind, key, body)
        JOIN partitions p ON p.topic = to_topic AND p.partition = u.part;
    UPDATE partitions p SET next = p.next + u.count, bytes = p.bytes + u.size, appended = greatest(p.appended, clock)
        FROM unnest(touched, counts, sizes) u(part, count, size)
        WHERE p.topic = to_topic AND p.partition = u.part;
END $$;

CREATE FUNCTION public.around(terms text[], froms integer[], places bigint[]) RETURNS TABLE(of integer, lowest bigint, gaps bytea)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
END $$;

CREATE FUNCTION public.begins(prefix text, past text, most integer) RETURNS TABLE(term text, lowest bigint, many integer)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
BEGIN
    term := past;
    FOR i IN 1..most LOOP
        SELECT p.term, p.first, p.n INTO term, lowest, many FROM postings p WHERE p.term >= prefix AND p.term < begins.term
            ORDER BY p.term DESC, p.first DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION public.keep(skus text[], ids text[], placed boolean[], users text[], states text[], versions bigint[], keys text[], hashes bytea[], bodies bytea[], kinds text[], times timestamp with time zone[], facts bytea[], steps text[], attempts bigint[], dues timestamp with time zone[], move_of integer[], move_sku integer[], move_on_hand bigint[], move_held bigint[]) RETURNS TABLE(request integer, outcome text, move integer, available bigint, body bytea, hash bytea)
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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
END $$;

CREATE FUNCTION public.lock_journal() RETURNS void
    LANGUAGE sql
    AS $$ SELECT pg_advisory_xact_lock('journal'::regclass::oid::bigint) $$;

CREATE FUNCTION public.newest(terms text[], below bigint, wanted integer) RETURNS TABLE(of integer, lowest bigint, gaps bytea)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
END $$;

CREATE FUNCTION public.set_inventory(skus text[], amounts bigint[], versions bigint[]) RETURNS SETOF text
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
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
END $$;

CREATE FUNCTION public.take_positions(many bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.trim_topic(of_topic integer, since timestamp with time zone, most bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    p       record;
    low     bigint;
    high    bigint;
    mid     bigint;
    dropped bigint := 0;
BEGIN
    FOR p IN SELECT q.partition, q.oldest, q.next, q.bytes FROM partitions q WHERE q.topic = of_topic ORDER BY q.partition FOR UPDATE LOOP
        low := p.oldest;
        high := p.next;
        WHILE low < high LOOP
            mid := (low + high) / 2;
            IF EXISTS (SELECT FROM records r WHERE r.topic = of_topic AND r.partition = p.partition AND r.seq = mid
                AND r.appended >= since AND (most <= 0 OR p.bytes - r.before <= most))
            THEN
                high := mid;
            ELSE
                low := mid + 1;
            END IF;
        END LOOP;
        IF low > p.oldest THEN
            UPDATE partitions q SET oldest = low WHERE q.topic = of_topic AND q.partition = p.partition;
            dropped := dropped + low - p.oldest;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

CREATE FUNCTION public.walk(direction integer, money text, low bigint, high bigint, price bigint, place bigint, wanted integer) RETURNS TABLE(amount bigint, "position" bigint)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
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
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.cards (
    "position" bigint NOT NULL,
    version bigint NOT NULL,
    amount bigint NOT NULL,
    available bigint DEFAULT 0 NOT NULL,
    stock_version bigint DEFAULT 0 NOT NULL,
    rating_count bigint DEFAULT 0 NOT NULL,
    rating_sum bigint DEFAULT 0 NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    card bytea NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.credentials (
    user_id bytea NOT NULL,
    password_hash text NOT NULL
);

CREATE TABLE public.documents (
    "position" bigint NOT NULL,
    terms text NOT NULL COLLATE pg_catalog."C",
    document bytea NOT NULL
);

CREATE TABLE public.imports (
    source text NOT NULL COLLATE pg_catalog."C",
    progress bytea NOT NULL
);

CREATE TABLE public.journal (
    seq bigint NOT NULL,
    stream text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    body bytea NOT NULL
);

ALTER TABLE public.journal ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.journal_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_accounts (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_accounts ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_catalog (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_catalog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_catalog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_events (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_orders (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_personal (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_personal ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_personal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations_of_views (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.migrations_of_views ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.migrations_of_views_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.orders (
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    version bigint NOT NULL,
    idempotency_key text COLLATE pg_catalog."C",
    request_hash bytea,
    body bytea NOT NULL
)
WITH (fillfactor='60');

CREATE TABLE public.outbox (
    one boolean NOT NULL,
    relayed bigint NOT NULL,
    CONSTRAINT outbox_one_check CHECK (one)
);

CREATE TABLE public.partitions (
    topic integer NOT NULL,
    partition integer NOT NULL,
    oldest bigint DEFAULT 0 NOT NULL,
    next bigint DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    appended timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='10');

CREATE TABLE public.personal (
    user_id bytea NOT NULL,
    email text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    birth_date text NOT NULL
);

CREATE SEQUENCE public.positions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.postings (
    first bigint NOT NULL,
    n integer NOT NULL,
    term text NOT NULL COLLATE pg_catalog."C",
    gaps bytea NOT NULL
);

CREATE TABLE public.progress (
    reader text NOT NULL COLLATE pg_catalog."C",
    topic integer NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL
)
WITH (fillfactor='10');

CREATE TABLE public.records (
    topic integer NOT NULL,
    partition integer NOT NULL,
    seq bigint NOT NULL,
    before bigint NOT NULL,
    appended timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    id bytea NOT NULL,
    kind bytea NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.reviews (
    number bigint NOT NULL,
    "position" bigint NOT NULL,
    author text NOT NULL COLLATE pg_catalog."C",
    document bytea NOT NULL
);

ALTER TABLE public.reviews ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reviews_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sagas (
    order_id text NOT NULL COLLATE pg_catalog."C",
    step text NOT NULL,
    attempt bigint NOT NULL,
    due timestamp with time zone NOT NULL
);

CREATE TABLE public.sessions (
    token_hash bytea NOT NULL,
    id bytea NOT NULL,
    user_id bytea NOT NULL,
    role smallint NOT NULL,
    issued boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    note text NOT NULL
);

CREATE TABLE public.stock (
    sku text NOT NULL COLLATE pg_catalog."C",
    on_hand bigint NOT NULL,
    held bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT stock_held_check CHECK ((held >= 0)),
    CONSTRAINT stock_on_hand_check CHECK ((on_hand >= 0))
)
WITH (fillfactor='50');

CREATE TABLE public.topics (
    id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE public.topics ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.topics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.users (
    id bytea NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    role smallint NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.views (
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    body bytea NOT NULL
)
WITH (fillfactor='70');

INSERT INTO public.cards VALUES (2, 1, 32600, 882, 1, 0, 0, 1, 'USD', 'prd_01hk154gh0m93g1avhzvw3chet', 'TEX-0000001', '\x1e7072645f3031686b3135346768306d393367316176687a767733636865740b5445582d303030303030311e7573725f3031686b313533783030373861667934346434386d743373613230436c6173736963204d6f68616972205461626c6520436c6f746820696e204d7573746172642c20417370656e76616c650080a0e697f58688a62f020874657874696c65731374657874696c65732d696e647573747269616c0405636f6c6f72076d757374617264086d6174657269616c066d6f686169720473697a6502584c057374796c650a696e647573747269616c');
INSERT INTO public.cards VALUES (3, 1, 5149, 397, 1, 0, 0, 1, 'USD', 'prd_01hk1554205pzkgfmjycc4m4fm', 'PET-0000002', '\x1e7072645f3031686b31353534323035707a6b67666d6a796363346d34666d0b5045542d303030303030321e7573725f3031686b313533783030373861667934346434386d74337361322c456e677261766564204c65617468657220436f6c6c617220696e2057686974652c2053746f6e6562726f6f6b0080c0a4998a8888a62f0204706574730b706574732d6e6f726469630405636f6c6f72057768697465086d6174657269616c076c6561746865720473697a65014d057374796c65066e6f72646963');
INSERT INTO public.cards VALUES (1, 1, 4295, 143, 1, 1, 5, 2, 'USD', 'prd_01hk153x00kt53anjjh0kxgw2x', 'GAR-0000000', '\x1e7072645f3031686b3135337830306b743533616e6a6a68306b78677732780b4741522d303030303030301e7573725f3031686b313533783030373861667934346434386d74337361322a536c696d20537465656c205261696e20476175676520696e204c696c61632c20417370656e62726f6f6b008080a896e08588a62f020667617264656e0e67617264656e2d636f756e7472790405636f6c6f72056c696c6163086d6174657269616c05737465656c0473697a65025853057374796c6507636f756e747279');
INSERT INTO public.cards VALUES (4, 1, 3499, 21, 3, 0, 0, 2, 'USD', 'prd_01hk155qk0z0m73e1xgetr0ssg', 'BAT-0000003', '\x1e7072645f3031686b313535716b307a306d373365317867657472307373670b4241542d303030303030331e7573725f3031686b313533783030373861667934346434386d74337361322f437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b0080e0e29a9f8988a62f0204626174680b626174682d6e6f726469630405636f6c6f72057768697465086d6174657269616c056c696e656e0473697a65025853057374796c65066e6f72646963');

INSERT INTO public.credentials VALUES ('\x01a2196fb865a784ae7fcd97d2214d02', '$argon2id$v=19$m=19456,t=2,p=1$dLilsycY3fP9GTncfhH8GQ$qPSz9m/nZs7QxHt0WqedyZ+C4eQ5+4En/RPOrUnbxHY');

INSERT INTO public.documents VALUES (1, ' nslim nsteel nrain ngauge nin nlilac naspenbrook wslim wsteel wrain wgauge win wlilac waspenbrook wgar w0000000 wgarden wcountry wxs wa wmade wof wmakes wroom wfor wherbs won wthe wsmallest wbalcony wdesigned weveryday wuse wand wbuilt wto wlast wyears woil wit wonce wyear wcomes wrecycled wcardboard wpart wseries | t6c0s04b72hpg0 tric34vdkm9h7q tlbda1914k3e6c tt1ffj6sf5tk6k tlvne3ani2tvti t22cafcbqhbj0o tpphkdtkgp80ci ', '\x7b226964223a227072645f3031686b3135337830306b743533616e6a6a68306b7867773278222c22736b75223a224741522d30303030303030222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22536c696d20537465656c205261696e20476175676520696e204c696c61632c20417370656e62726f6f6b222c226465736372697074696f6e223a224120736c696d207261696e206761756765206d616465206f6620737465656c2e204d616b657320726f6f6d20666f72206865726273206f6e2074686520736d616c6c6573742062616c636f6e792e2044657369676e656420666f722065766572796461792075736520616e64206275696c7420746f206c61737420666f722079656172732e204f696c206974206f6e6365206120796561722e20436f6d657320696e2072656379636c65642063617264626f6172642e2050617274206f662074686520417370656e62726f6f6b207365726965732e222c227072696365223a7b22616d6f756e74223a343239352c2263757272656e6379223a22555344227d2c2263617465676f72696573223a5b2267617264656e222c2267617264656e2d636f756e747279225d2c2261747472696275746573223a7b22636f6c6f72223a226c696c6163222c226d6174657269616c223a22737465656c222c2273697a65223a225853222c227374796c65223a22636f756e747279227d2c22696d61676573223a5b5d2c22696e76656e746f72795f636f756e74223a302c22726174696e67223a7b22636f756e74223a302c2273756d223a302c2261766572616765223a307d2c226c61746573745f72657669657773223a6e756c6c2c2276657273696f6e223a312c22637265617465645f6174223a22323032342d30312d30315430303a30303a30305a222c22757064617465645f6174223a22323032342d30312d30315430303a30303a30305a227d');
INSERT INTO public.documents VALUES (2, ' nclassic nmohair ntable ncloth nin nmustard naspenvale wclassic wmohair wtable wcloth win wmustard waspenvale wtex w0000001 wtextiles windustrial wxl wa wmade wof wlies wsmooth wwithout wironing wdesigned wfor weveryday wuse wand wbuilt wto wlast wyears wgoes winto wthe wdishwasher wor wmachine wcomes wflat wplastic wpart wseries | t6c0s04b72hpg0 t6cls5fidiunhs trdhekumc96hiq t20nfl3je75ieo td5l27tp3koqhq tdrjmkb5lq7u3i tkj1tptu5974ag ', '\x7b226964223a227072645f3031686b3135346768306d393367316176687a76773363686574222c22736b75223a225445582d30303030303031222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22436c6173736963204d6f68616972205461626c6520436c6f746820696e204d7573746172642c20417370656e76616c65222c226465736372697074696f6e223a224120636c6173736963207461626c6520636c6f7468206d616465206f66206d6f686169722e204c69657320736d6f6f746820776974686f75742069726f6e696e672e2044657369676e656420666f722065766572796461792075736520616e64206275696c7420746f206c61737420666f722079656172732e20476f657320696e746f207468652064697368776173686572206f7220746865206d616368696e652e20436f6d657320666c617420616e6420776974686f757420706c61737469632e2050617274206f662074686520417370656e76616c65207365726965732e222c227072696365223a7b22616d6f756e74223a33323630302c2263757272656e6379223a22555344227d2c2263617465676f72696573223a5b2274657874696c6573222c2274657874696c65732d696e647573747269616c225d2c2261747472696275746573223a7b22636f6c6f72223a226d757374617264222c226d6174657269616c223a226d6f68616972222c2273697a65223a22584c222c227374796c65223a22696e647573747269616c227d2c22696d61676573223a5b5d2c22696e76656e746f72795f636f756e74223a302c22726174696e67223a7b22636f756e74223a302c2273756d223a302c2261766572616765223a307d2c226c61746573745f72657669657773223a6e756c6c2c2276657273696f6e223a312c22637265617465645f6174223a22323032342d30312d30315430303a30303a32305a222c22757064617465645f6174223a22323032342d30312d30315430303a30303a32305a227d');
INSERT INTO public.documents VALUES (3, ' nengraved nleather ncollar nin nwhite nstonebrook wengraved wleather wcollar win wwhite wstonebrook wpet w0000002 wpets wnordic wm wan wmade wof wdoes wnot wslide wover wthe wfloor wwipe wit wwith wa wdamp wcloth wcomes wrecycled wcardboard wpart wseries | t6c0s04b72hpg0 tcvkht2rccng6o to3dnp4p2diu10 tv126jkdv70e68 ti0k086v0iksd8 ts9rlp4ui7k2rq tkv4qigk0f5dp6 ', '\x7b226964223a227072645f3031686b31353534323035707a6b67666d6a796363346d34666d222c22736b75223a225045542d30303030303032222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22456e677261766564204c65617468657220436f6c6c617220696e2057686974652c2053746f6e6562726f6f6b222c226465736372697074696f6e223a22416e20656e67726176656420636f6c6c6172206d616465206f66206c6561746865722e20446f6573206e6f7420736c696465206f7665722074686520666c6f6f722e2057697065206974207769746820612064616d7020636c6f74682e20436f6d657320696e2072656379636c65642063617264626f6172642e2050617274206f66207468652053746f6e6562726f6f6b207365726965732e222c227072696365223a7b22616d6f756e74223a353134392c2263757272656e6379223a22555344227d2c2263617465676f72696573223a5b2270657473222c22706574732d6e6f72646963225d2c2261747472696275746573223a7b22636f6c6f72223a227768697465222c226d6174657269616c223a226c656174686572222c2273697a65223a224d222c227374796c65223a226e6f72646963227d2c22696d61676573223a5b5d2c22696e76656e746f72795f636f756e74223a302c22726174696e67223a7b22636f756e74223a302c2273756d223a302c2261766572616765223a307d2c226c61746573745f72657669657773223a6e756c6c2c2276657273696f6e223a312c22637265617465645f6174223a22323032342d30312d30315430303a30303a34305a222c22757064617465645f6174223a22323032342d30312d30315430303a30303a34305a227d');
INSERT INTO public.documents VALUES (4, ' ncurved nlinen nshower ncurtain nin nwhite ndunebrook wcurved wlinen wshower wcurtain win wwhite wdunebrook wbat w0000003 wbath wnordic wxs wa wmade wof wtakes wthe wsteam wlong wdesigned wfor weveryday wuse wand wbuilt wto wlast wyears wwipe wit wwith wdamp wcloth wcomes wcotton wbag wpart wseries | t6c0s04b72hpg0 t6o9n5k9askcou tmkntke0ut1qsm tv126jkdv70e68 t58mc1rvetpanm t22cafcbqhbj0o tkv4qigk0f5dp6 ', '\x7b226964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c226465736372697074696f6e223a2241206375727665642073686f776572206375727461696e206d616465206f66206c696e656e2e2054616b65732074686520737465616d206f662061206c6f6e672073686f7765722e2044657369676e656420666f722065766572796461792075736520616e64206275696c7420746f206c61737420666f722079656172732e2057697065206974207769746820612064616d7020636c6f74682e20436f6d657320696e206120636f74746f6e206261672e2050617274206f66207468652044756e6562726f6f6b207365726965732e222c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2263617465676f72696573223a5b2262617468222c22626174682d6e6f72646963225d2c2261747472696275746573223a7b22636f6c6f72223a227768697465222c226d6174657269616c223a226c696e656e222c2273697a65223a225853222c227374796c65223a226e6f72646963227d2c22696d61676573223a5b5d2c22696e76656e746f72795f636f756e74223a302c22726174696e67223a7b22636f756e74223a302c2273756d223a302c2261766572616765223a307d2c226c61746573745f72657669657773223a6e756c6c2c2276657273696f6e223a312c22637265617465645f6174223a22323032342d30312d30315430303a30313a30305a222c22757064617465645f6174223a22323032342d30312d30315430303a30313a30305a227d');

INSERT INTO public.imports VALUES ('generated stock, seed 1', '\x34');
INSERT INTO public.imports VALUES ('generated orders, seed 1, 4 products, 4 users', '\x35');
INSERT INTO public.imports VALUES ('generated reviews, seed 1, 4 products, 4 users', '\x31');

INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (1, 'stock/GAR-0000000', 1, 'stock.changed', '2024-01-01 00:00:00+00', '\x7b22736b75223a224741522d30303030303030222c226368616e6765223a3134332c226e6f7465223a226f70656e696e672073746f636b222c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224741522d30303030303030222c22616d6f756e74223a2d3134337d2c7b226163636f756e74223a22617661696c61626c65222c22736b75223a224741522d30303030303030222c22616d6f756e74223a3134337d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (2, 'stock/TEX-0000001', 1, 'stock.changed', '2024-01-01 00:00:20+00', '\x7b22736b75223a225445582d30303030303031222c226368616e6765223a3838322c226e6f7465223a226f70656e696e672073746f636b222c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a225445582d30303030303031222c22616d6f756e74223a2d3838327d2c7b226163636f756e74223a22617661696c61626c65222c22736b75223a225445582d30303030303031222c22616d6f756e74223a3838327d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (3, 'stock/PET-0000002', 1, 'stock.changed', '2024-01-01 00:00:40+00', '\x7b22736b75223a225045542d30303030303032222c226368616e6765223a3339372c226e6f7465223a226f70656e696e672073746f636b222c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a225045542d30303030303032222c22616d6f756e74223a2d3339377d2c7b226163636f756e74223a22617661696c61626c65222c22736b75223a225045542d30303030303032222c22616d6f756e74223a3339377d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (4, 'stock/BAT-0000003', 1, 'stock.changed', '2024-01-01 00:01:00+00', '\x7b22736b75223a224241542d30303030303033222c226368616e6765223a32322c226e6f7465223a226f70656e696e672073746f636b222c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d32327d2c7b226163636f756e74223a22617661696c61626c65222c22736b75223a224241542d30303030303033222c22616d6f756e74223a32327d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (5, 'ord_01jgfjjz00n6gmwc418dhnd8f3', 1, 'order.imported', '2025-01-01 00:00:00+00', '\x7b226f72646572223a7b226964223a226f72645f30316a67666a6a7a30306e36676d776334313864686e64386633222c22757365725f6964223a227573725f3031686b31353431773872656b6164313468346131316b616733222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135346768306d393367316176687a76773363686574222c22736b75223a225445582d30303030303031222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22436c6173736963204d6f68616972205461626c6520436c6f746820696e204d7573746172642c20417370656e76616c65222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a33323630302c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a3133303430302c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303030227d2c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a225445582d30303030303031222c22616d6f756e74223a2d347d2c7b226163636f756e74223a22736f6c64222c22736b75223a225445582d30303030303031222c22616d6f756e74223a347d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d3133303430307d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a3133303430307d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (6, 'ord_01jgfjw3z0635x2ne6cewkvver', 1, 'order.imported', '2025-01-01 00:05:00+00', '\x7b226f72646572223a7b226964223a226f72645f30316a67666a77337a3036333578326e65366365776b76766572222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303031227d2c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d347d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a347d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d31333939367d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a31333939367d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (7, 'ord_01jgfk58y0tych801babq64j8q', 1, 'order.imported', '2025-01-01 00:10:00+00', '\x7b226f72646572223a7b226964223a226f72645f30316a67666b35387930747963683830316261627136346a3871222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135337830306b743533616e6a6a68306b7867773278222c22736b75223a224741522d30303030303030222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22536c696d20537465656c205261696e20476175676520696e204c696c61632c20417370656e62726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a343239352c2263757272656e6379223a22555344227d7d2c7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a373739342c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303032227d2c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d2c7b226163636f756e74223a22737570706c79222c22736b75223a224741522d30303030303030222c22616d6f756e74223a2d317d2c7b226163636f756e74223a22736f6c64222c22736b75223a224741522d30303030303030222c22616d6f756e74223a317d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d373739347d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a373739347d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (8, 'ord_01jgfkedx0bgr405esmva9ke5b', 1, 'order.imported', '2025-01-01 00:15:00+00', '\x7b226f72646572223a7b226964223a226f72645f30316a67666b6564783062677234303565736d7661396b653562222c22757365725f6964223a227573725f3031686b313534626d72666d316e306336773336657666303670222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303033227d2c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d333439397d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a333439397d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (9, 'ord_01jgfkqjw0wqgqs499k85rcdfn', 1, 'order.imported', '2025-01-01 00:20:00+00', '\x7b226f72646572223a7b226964223a226f72645f30316a67666b716a773077716771733439396b3835726364666e222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a32303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a32303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a32303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303034227d2c22706f7374696e6773223a5b7b226163636f756e74223a22737570706c79222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d347d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a347d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d31333939367d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a31333939367d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (10, 'ord_01m8cpzeg9gf2yhxtnpq0zgkp7', 1, 'order.placed', '2026-11-26 19:58:02.249738+00', '\x7b226f72646572223a7b226964223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c22757365725f6964223a227573725f30316d3863707a6533356d793261777a79646a7a3932326b3832222c227374617465223a2270656e64696e67222c227061796d656e74223a226f70656e222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22757064617465645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22686f6c645f756e74696c223a22323032362d31312d32365432303a31333a30322e3234393733385a227d2c22706f7374696e6773223a5b7b226163636f756e74223a22617661696c61626c65222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a2268656c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d5d7d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (11, 'ord_01m8cpzeg9gf2yhxtnpq0zgkp7', 2, 'order.confirmed', '2026-11-26 19:58:02.296976+00', '\x7b22706f7374696e6773223a5b7b226163636f756e74223a2268656c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d333439397d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a333439397d5d7d');

INSERT INTO public.migrations_of_accounts VALUES (1, 0, true, '2026-11-26 19:57:57.846453');
INSERT INTO public.migrations_of_accounts VALUES (2, 1, true, '2026-11-26 19:57:57.866323');

INSERT INTO public.migrations_of_catalog VALUES (1, 0, true, '2026-11-26 19:57:57.92549');
INSERT INTO public.migrations_of_catalog VALUES (2, 1, true, '2026-11-26 19:57:57.941165');

INSERT INTO public.migrations_of_events VALUES (1, 0, true, '2026-11-26 19:57:58.0957');
INSERT INTO public.migrations_of_events VALUES (2, 1, true, '2026-11-26 19:57:58.101563');

INSERT INTO public.migrations_of_orders VALUES (1, 0, true, '2026-11-26 19:57:57.992358');
INSERT INTO public.migrations_of_orders VALUES (2, 1, true, '2026-11-26 19:57:58.000664');

INSERT INTO public.migrations_of_personal VALUES (1, 0, true, '2026-11-26 19:57:57.899474');
INSERT INTO public.migrations_of_personal VALUES (2, 1, true, '2026-11-26 19:57:57.907721');

INSERT INTO public.migrations_of_views VALUES (1, 0, true, '2026-11-26 19:57:58.068097');
INSERT INTO public.migrations_of_views VALUES (2, 1, true, '2026-11-26 19:57:58.079313');

INSERT INTO public.orders VALUES ('ord_01jgfjjz00n6gmwc418dhnd8f3', 'usr_01hk1541w8rekad14h4a11kag3', 'confirmed', 1, NULL, NULL, '\x7b226964223a226f72645f30316a67666a6a7a30306e36676d776334313864686e64386633222c22757365725f6964223a227573725f3031686b31353431773872656b6164313468346131316b616733222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135346768306d393367316176687a76773363686574222c22736b75223a225445582d30303030303031222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22436c6173736963204d6f68616972205461626c6520436c6f746820696e204d7573746172642c20417370656e76616c65222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a33323630302c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a3133303430302c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303030227d');
INSERT INTO public.orders VALUES ('ord_01jgfjw3z0635x2ne6cewkvver', 'usr_01hk153x00sh2nk45zry71xd0e', 'confirmed', 1, NULL, NULL, '\x7b226964223a226f72645f30316a67666a77337a3036333578326e65366365776b76766572222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303031227d');
INSERT INTO public.orders VALUES ('ord_01jgfk58y0tych801babq64j8q', 'usr_01hk153x00sh2nk45zry71xd0e', 'confirmed', 1, NULL, NULL, '\x7b226964223a226f72645f30316a67666b35387930747963683830316261627136346a3871222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135337830306b743533616e6a6a68306b7867773278222c22736b75223a224741522d30303030303030222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22536c696d20537465656c205261696e20476175676520696e204c696c61632c20417370656e62726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a343239352c2263757272656e6379223a22555344227d7d2c7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a373739342c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303032227d');
INSERT INTO public.orders VALUES ('ord_01jgfkedx0bgr405esmva9ke5b', 'usr_01hk154bmrfm1n0c6w36evf06p', 'confirmed', 1, NULL, NULL, '\x7b226964223a226f72645f30316a67666b6564783062677234303565736d7661396b653562222c22757365725f6964223a227573725f3031686b313534626d72666d316e306336773336657666303670222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303033227d');
INSERT INTO public.orders VALUES ('ord_01jgfkqjw0wqgqs499k85rcdfn', 'usr_01hk153x00sh2nk45zry71xd0e', 'confirmed', 1, NULL, NULL, '\x7b226964223a226f72645f30316a67666b716a773077716771733439396b3835726364666e222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a32303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a32303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a32303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303034227d');
INSERT INTO public.orders VALUES ('ord_01m8cpzeg9gf2yhxtnpq0zgkp7', 'usr_01m8cpze35my2awzydjz922k82', 'confirmed', 2, 'usr_01m8cpze35my2awzydjz922k82/k1', '\xaab2673b83123ce97fc3838fe7038709635a84ec0a05f408cdd9da73f99ad2df', '\x7b226964223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c22757365725f6964223a227573725f30316d3863707a6533356d793261777a79646a7a3932326b3832222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a322c22706c616365645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22757064617465645f6174223a22323032362d31312d32365431393a35383a30322e3239363937365a222c22686f6c645f756e74696c223a22323032362d31312d32365432303a31333a30322e3234393733385a227d');

INSERT INTO public.outbox VALUES (true, 11);

INSERT INTO public.partitions VALUES (1, 0, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 1, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 2, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 3, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 4, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 5, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 7, 0, 0, 0, '-infinity');
INSERT INTO public.partitions VALUES (1, 6, 0, 2, 1272, '2026-11-26 19:58:02.357+00');

INSERT INTO public.personal VALUES ('\x018cc251f4003a14ff108d2229a1e542', '000000000.seller@example.com', '', '1945-09-13');
INSERT INTO public.personal VALUES ('\x018cc251f400cc455990bfc78e1eb40e', '000000000.shopper@example.com', '', '1941-05-16');
INSERT INTO public.personal VALUES ('\x018cc2520788c3a6a68491228219aa03', '000000001.shopper@example.com', '', '1978-04-09');
INSERT INTO public.personal VALUES ('\x018cc2521b10027f77c90cdeb9575cc5', '000000002.shopper@example.com', '', '1952-07-29');
INSERT INTO public.personal VALUES ('\x018cc2522e987d035030dc199db780d6', '000000003.shopper@example.com', '', '1959-08-18');
INSERT INTO public.personal VALUES ('\x01a2196fb865a784ae7fcd97d2214d02', 'ada@example.com', '', '');

INSERT INTO public.postings VALUES (1, 4, 'n*', '\x00010101');
INSERT INTO public.postings VALUES (1, 2, 'na*', '\x0001');
INSERT INTO public.postings VALUES (1, 2, 'nas*', '\x0001');
INSERT INTO public.postings VALUES (1, 1, 'naspenbrook', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'naspenvale', '\x00');
INSERT INTO public.postings VALUES (2, 3, 'nc*', '\x000101');
INSERT INTO public.postings VALUES (2, 1, 'ncl*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nclassic', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'ncloth', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'nco*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'ncollar', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'ncu*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'ncurtain', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'ncurved', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'nd*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'ndu*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'ndunebrook', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'ne*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'nen*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'nengraved', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'ng*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nga*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'ngauge', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'ni*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'nin', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'nin*', '\x00010101');
INSERT INTO public.postings VALUES (1, 3, 'nl*', '\x000201');
INSERT INTO public.postings VALUES (3, 1, 'nle*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'nleather', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'nli*', '\x0003');
INSERT INTO public.postings VALUES (1, 1, 'nlilac', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'nlinen', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nm*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nmo*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nmohair', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nmu*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nmustard', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nr*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nra*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nrain', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'ns*', '\x000201');
INSERT INTO public.postings VALUES (4, 1, 'nsh*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'nshower', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nsl*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'nslim', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'nst*', '\x0002');
INSERT INTO public.postings VALUES (1, 1, 'nsteel', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'nstonebrook', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nt*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'nta*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'ntable', '\x00');
INSERT INTO public.postings VALUES (3, 2, 'nw*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'nwh*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'nwhite', '\x0001');
INSERT INTO public.postings VALUES (2, 1, 't20nfl3je75ieo', '\x00');
INSERT INTO public.postings VALUES (1, 2, 't22cafcbqhbj0o', '\x0003');
INSERT INTO public.postings VALUES (4, 1, 't58mc1rvetpanm', '\x00');
INSERT INTO public.postings VALUES (1, 4, 't6c0s04b72hpg0', '\x00010101');
INSERT INTO public.postings VALUES (2, 1, 't6cls5fidiunhs', '\x00');
INSERT INTO public.postings VALUES (4, 1, 't6o9n5k9askcou', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'tcvkht2rccng6o', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'td5l27tp3koqhq', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'tdrjmkb5lq7u3i', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'ti0k086v0iksd8', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'tkj1tptu5974ag', '\x00');
INSERT INTO public.postings VALUES (3, 2, 'tkv4qigk0f5dp6', '\x0001');
INSERT INTO public.postings VALUES (1, 1, 'tlbda1914k3e6c', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'tlvne3ani2tvti', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'tmkntke0ut1qsm', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'to3dnp4p2diu10', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'tpphkdtkgp80ci', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'trdhekumc96hiq', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'tric34vdkm9h7q', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'ts9rlp4ui7k2rq', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'tt1ffj6sf5tk6k', '\x00');
INSERT INTO public.postings VALUES (3, 2, 'tv126jkdv70e68', '\x0001');
INSERT INTO public.postings VALUES (1, 4, 'w*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'w0*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'w00*', '\x00010101');
INSERT INTO public.postings VALUES (1, 1, 'w0000000', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'w0000001', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'w0000002', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'w0000003', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wa', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wa*', '\x00010101');
INSERT INTO public.postings VALUES (3, 1, 'wan', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wan*', '\x00010101');
INSERT INTO public.postings VALUES (1, 3, 'wand', '\x000102');
INSERT INTO public.postings VALUES (1, 2, 'was*', '\x0001');
INSERT INTO public.postings VALUES (1, 1, 'waspenbrook', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'waspenvale', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wb*', '\x000102');
INSERT INTO public.postings VALUES (1, 2, 'wba*', '\x0003');
INSERT INTO public.postings VALUES (4, 1, 'wbag', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wbalcony', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wbat', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wbath', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wbu*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wbuilt', '\x000102');
INSERT INTO public.postings VALUES (1, 4, 'wc*', '\x00010101');
INSERT INTO public.postings VALUES (1, 2, 'wca*', '\x0002');
INSERT INTO public.postings VALUES (1, 2, 'wcardboard', '\x0002');
INSERT INTO public.postings VALUES (2, 3, 'wcl*', '\x000101');
INSERT INTO public.postings VALUES (2, 1, 'wclassic', '\x00');
INSERT INTO public.postings VALUES (2, 3, 'wcloth', '\x000101');
INSERT INTO public.postings VALUES (1, 4, 'wco*', '\x00010101');
INSERT INTO public.postings VALUES (3, 1, 'wcollar', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wcomes', '\x00010101');
INSERT INTO public.postings VALUES (4, 1, 'wcotton', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wcountry', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wcu*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wcurtain', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wcurved', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wd*', '\x00010101');
INSERT INTO public.postings VALUES (3, 2, 'wda*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'wdamp', '\x0001');
INSERT INTO public.postings VALUES (1, 3, 'wde*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wdesigned', '\x000102');
INSERT INTO public.postings VALUES (2, 1, 'wdi*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wdishwasher', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wdo*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wdoes', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wdu*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wdunebrook', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'we*', '\x00010101');
INSERT INTO public.postings VALUES (3, 1, 'wen*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wengraved', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wev*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'weveryday', '\x000102');
INSERT INTO public.postings VALUES (1, 4, 'wf*', '\x00010101');
INSERT INTO public.postings VALUES (2, 2, 'wfl*', '\x0001');
INSERT INTO public.postings VALUES (2, 1, 'wflat', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wfloor', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wfo*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wfor', '\x000102');
INSERT INTO public.postings VALUES (1, 2, 'wg*', '\x0001');
INSERT INTO public.postings VALUES (1, 1, 'wga*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wgar', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wgarden', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wgauge', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wgo*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wgoes', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wh*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'whe*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wherbs', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wi*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'win', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'win*', '\x00010101');
INSERT INTO public.postings VALUES (2, 1, 'windustrial', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'winto', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wir*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wironing', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wit', '\x000201');
INSERT INTO public.postings VALUES (1, 3, 'wit*', '\x000201');
INSERT INTO public.postings VALUES (1, 4, 'wl*', '\x00010101');
INSERT INTO public.postings VALUES (1, 3, 'wla*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wlast', '\x000102');
INSERT INTO public.postings VALUES (3, 1, 'wle*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wleather', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wli*', '\x000102');
INSERT INTO public.postings VALUES (2, 1, 'wlies', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wlilac', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wlinen', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wlo*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wlong', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wm', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wm*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wma*', '\x00010101');
INSERT INTO public.postings VALUES (2, 1, 'wmachine', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wmade', '\x00010101');
INSERT INTO public.postings VALUES (1, 1, 'wmakes', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wmo*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wmohair', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wmu*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wmustard', '\x00');
INSERT INTO public.postings VALUES (3, 2, 'wn*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'wno*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'wnordic', '\x0001');
INSERT INTO public.postings VALUES (3, 1, 'wnot', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wo*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wof', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wof*', '\x00010101');
INSERT INTO public.postings VALUES (1, 1, 'woi*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'woil', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'won', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'won*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wonce', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wor', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wor*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wov*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wover', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wp*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wpa*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wpart', '\x00010101');
INSERT INTO public.postings VALUES (3, 1, 'wpe*', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wpet', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wpets', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wpl*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wplastic', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'wr*', '\x0002');
INSERT INTO public.postings VALUES (1, 1, 'wra*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wrain', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'wre*', '\x0002');
INSERT INTO public.postings VALUES (1, 2, 'wrecycled', '\x0002');
INSERT INTO public.postings VALUES (1, 1, 'wro*', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wroom', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'ws*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wse*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wseries', '\x00010101');
INSERT INTO public.postings VALUES (4, 1, 'wsh*', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wshower', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'wsl*', '\x0002');
INSERT INTO public.postings VALUES (3, 1, 'wslide', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wslim', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'wsm*', '\x0001');
INSERT INTO public.postings VALUES (1, 1, 'wsmallest', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wsmooth', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wst*', '\x000201');
INSERT INTO public.postings VALUES (4, 1, 'wsteam', '\x00');
INSERT INTO public.postings VALUES (1, 1, 'wsteel', '\x00');
INSERT INTO public.postings VALUES (3, 1, 'wstonebrook', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wt*', '\x00010101');
INSERT INTO public.postings VALUES (2, 2, 'wta*', '\x0002');
INSERT INTO public.postings VALUES (2, 1, 'wtable', '\x00');
INSERT INTO public.postings VALUES (4, 1, 'wtakes', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wte*', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wtex', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wtextiles', '\x00');
INSERT INTO public.postings VALUES (1, 4, 'wth*', '\x00010101');
INSERT INTO public.postings VALUES (1, 4, 'wthe', '\x00010101');
INSERT INTO public.postings VALUES (1, 3, 'wto', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wto*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wu*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wus*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wuse', '\x000102');
INSERT INTO public.postings VALUES (2, 3, 'ww*', '\x000101');
INSERT INTO public.postings VALUES (3, 2, 'wwh*', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'wwhite', '\x0001');
INSERT INTO public.postings VALUES (2, 3, 'wwi*', '\x000101');
INSERT INTO public.postings VALUES (3, 2, 'wwipe', '\x0001');
INSERT INTO public.postings VALUES (3, 2, 'wwith', '\x0001');
INSERT INTO public.postings VALUES (2, 1, 'wwithout', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wx*', '\x000102');
INSERT INTO public.postings VALUES (2, 1, 'wxl', '\x00');
INSERT INTO public.postings VALUES (2, 1, 'wxl*', '\x00');
INSERT INTO public.postings VALUES (1, 2, 'wxs', '\x0003');
INSERT INTO public.postings VALUES (1, 2, 'wxs*', '\x0003');
INSERT INTO public.postings VALUES (1, 3, 'wy*', '\x000102');
INSERT INTO public.postings VALUES (1, 3, 'wye*', '\x000102');
INSERT INTO public.postings VALUES (1, 1, 'wyear', '\x00');
INSERT INTO public.postings VALUES (1, 3, 'wyears', '\x000102');

INSERT INTO public.progress VALUES ('orders', 1, 6, 2);
INSERT INTO public.progress VALUES ('inventory', 1, 6, 2);

INSERT INTO public.records VALUES (1, 6, 0, 0, '2026-11-26 19:58:02.357+00', '2026-11-26 19:58:02.249738+00', '\x6f72645f30316d3863707a656739676632796878746e7071307a676b70372f31', '\x6f726465722e706c61636564', '\x6f72645f30316d3863707a656739676632796878746e7071307a676b7037', '\x7b226b696e64223a226f726465722e706c61636564222c2273747265616d223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c2276657273696f6e223a312c226174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c2266616374223a7b226f72646572223a7b226964223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c22757365725f6964223a227573725f30316d3863707a6533356d793261777a79646a7a3932326b3832222c227374617465223a2270656e64696e67222c227061796d656e74223a226f70656e222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22757064617465645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22686f6c645f756e74696c223a22323032362d31312d32365432303a31333a30322e3234393733385a227d2c22706f7374696e6773223a5b7b226163636f756e74223a22617661696c61626c65222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a2268656c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d5d7d7d');
INSERT INTO public.records VALUES (1, 6, 1, 852, '2026-11-26 19:58:02.357+00', '2026-11-26 19:58:02.296976+00', '\x6f72645f30316d3863707a656739676632796878746e7071307a676b70372f32', '\x6f726465722e636f6e6669726d6564', '\x6f72645f30316d3863707a656739676632796878746e7071307a676b7037', '\x7b226b696e64223a226f726465722e636f6e6669726d6564222c2273747265616d223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c2276657273696f6e223a322c226174223a22323032362d31312d32365431393a35383a30322e3239363937365a222c2266616374223a7b22706f7374696e6773223a5b7b226163636f756e74223a2268656c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a2d317d2c7b226163636f756e74223a22736f6c64222c22736b75223a224241542d30303030303033222c22616d6f756e74223a317d2c7b226163636f756e74223a2273616c6573222c2263757272656e6379223a22555344222c22616d6f756e74223a2d333439397d2c7b226163636f756e74223a2267617465776179222c2263757272656e6379223a22555344222c22616d6f756e74223a333439397d5d7d7d');

INSERT INTO public.reviews OVERRIDING SYSTEM VALUE VALUES (1, 1, 'usr_01hk153x00sh2nk45zry71xd0e', '\x7b226964223a227265765f30316a67666a6a7a3030393863353438683571357a7236746665222c2270726f647563745f6964223a227072645f3031686b3135337830306b743533616e6a6a68306b7867773278222c2275736572223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c22726174696e67223a352c2274657874223a22426f756768742061207365636f6e64206f6e6520617320612070726573656e742e222c22637265617465645f6174223a22323032352d30312d30315430303a30303a30305a227d');

INSERT INTO public.sessions VALUES ('\xa008558efdedab2cb7c83669a8379e737dfb0654bd62e058153fa5a7e883a6ce', '\x01a2196faa372e49461d390a4d487b46', '\x00000000000000000000000000000000', 2, true, '2026-11-26 19:57:58.199+00', '2027-02-24 19:57:58.199+00', 'first start');
INSERT INTO public.sessions VALUES ('\x37f862a5b19e169d0e06e5a436cea19c1c2a44f94ed6af28b48503439bc4c03d', '\x01a2196fb8b1ee76855517b4ffdafa80', '\x01a2196fb865a784ae7fcd97d2214d02', 0, false, '2026-11-26 19:58:01.905+00', '2026-12-26 19:58:01.905+00', '');

INSERT INTO public.stock VALUES ('GAR-0000000', 143, 0, 1);
INSERT INTO public.stock VALUES ('PET-0000002', 397, 0, 1);
INSERT INTO public.stock VALUES ('TEX-0000001', 882, 0, 1);
INSERT INTO public.stock VALUES ('BAT-0000003', 21, 0, 3);

INSERT INTO public.topics OVERRIDING SYSTEM VALUE VALUES (1, 'shop');

INSERT INTO public.users VALUES ('\x018cc251f4003a14ff108d2229a1e542', 'Seller 0000', 'PL', 1, '2024-01-01 00:00:00+00');
INSERT INTO public.users VALUES ('\x018cc251f400cc455990bfc78e1eb40e', 'Shopper 000000', 'ES', 0, '2024-01-01 00:00:00+00');
INSERT INTO public.users VALUES ('\x018cc2520788c3a6a68491228219aa03', 'Shopper 000001', 'IN', 0, '2024-01-01 00:00:05+00');
INSERT INTO public.users VALUES ('\x018cc2521b10027f77c90cdeb9575cc5', 'Shopper 000002', 'ES', 0, '2024-01-01 00:00:10+00');
INSERT INTO public.users VALUES ('\x018cc2522e987d035030dc199db780d6', 'Shopper 000003', 'US', 0, '2024-01-01 00:00:15+00');
INSERT INTO public.users VALUES ('\x00000000000000000000000000000000', 'Admin', '', 2, '2026-11-26 19:57:58.197+00');
INSERT INTO public.users VALUES ('\x01a2196fb865a784ae7fcd97d2214d02', 'Ada', 'GB', 0, '2026-11-26 19:58:01.831+00');

INSERT INTO public.views VALUES ('ord_01jgfjjz00n6gmwc418dhnd8f3', 'usr_01hk1541w8rekad14h4a11kag3', 1, '\x7b226964223a226f72645f30316a67666a6a7a30306e36676d776334313864686e64386633222c22757365725f6964223a227573725f3031686b31353431773872656b6164313468346131316b616733222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135346768306d393367316176687a76773363686574222c22736b75223a225445582d30303030303031222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22436c6173736963204d6f68616972205461626c6520436c6f746820696e204d7573746172642c20417370656e76616c65222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a33323630302c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a3133303430302c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303030227d');
INSERT INTO public.views VALUES ('ord_01jgfjw3z0635x2ne6cewkvver', 'usr_01hk153x00sh2nk45zry71xd0e', 1, '\x7b226964223a226f72645f30316a67666a77337a3036333578326e65366365776b76766572222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a30353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a30353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a30353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303031227d');
INSERT INTO public.views VALUES ('ord_01jgfk58y0tych801babq64j8q', 'usr_01hk153x00sh2nk45zry71xd0e', 1, '\x7b226964223a226f72645f30316a67666b35387930747963683830316261627136346a3871222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b3135337830306b743533616e6a6a68306b7867773278222c22736b75223a224741522d30303030303030222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22536c696d20537465656c205261696e20476175676520696e204c696c61632c20417370656e62726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a343239352c2263757272656e6379223a22555344227d7d2c7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a373739342c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303032227d');
INSERT INTO public.views VALUES ('ord_01jgfkedx0bgr405esmva9ke5b', 'usr_01hk154bmrfm1n0c6w36evf06p', 1, '\x7b226964223a226f72645f30316a67666b6564783062677234303565736d7661396b653562222c22757365725f6964223a227573725f3031686b313534626d72666d316e306336773336657666303670222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a31353a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a31353a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a31353a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303033227d');
INSERT INTO public.views VALUES ('ord_01jgfkqjw0wqgqs499k85rcdfn', 'usr_01hk153x00sh2nk45zry71xd0e', 1, '\x7b226964223a226f72645f30316a67666b716a773077716771733439396b3835726364666e222c22757365725f6964223a227573725f3031686b3135337830307368326e6b34357a7279373178643065222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a342c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a31333939362c2263757272656e6379223a22555344227d2c2276657273696f6e223a312c22706c616365645f6174223a22323032352d30312d30315430303a32303a30305a222c22757064617465645f6174223a22323032352d30312d30315430303a32303a30305a222c22686f6c645f756e74696c223a22323032352d30312d30315430303a32303a30305a222c227265666572656e6365223a2267656e6572617465642d312d303030303034227d');
INSERT INTO public.views VALUES ('ord_01m8cpzeg9gf2yhxtnpq0zgkp7', 'usr_01m8cpze35my2awzydjz922k82', 2, '\x7b226964223a226f72645f30316d3863707a656739676632796878746e7071307a676b7037222c22757365725f6964223a227573725f30316d3863707a6533356d793261777a79646a7a3932326b3832222c227374617465223a22636f6e6669726d6564222c227061796d656e74223a2270616964222c226c696e6573223a5b7b2270726f647563745f6964223a227072645f3031686b313535716b307a306d37336531786765747230737367222c22736b75223a224241542d30303030303033222c2273656c6c6572223a227573725f3031686b313533783030373861667934346434386d7433736132222c226e616d65223a22437572766564204c696e656e2053686f776572204375727461696e20696e2057686974652c2044756e6562726f6f6b222c227175616e74697479223a312c227072696365223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d7d5d2c22746f74616c223a7b22616d6f756e74223a333439392c2263757272656e6379223a22555344227d2c2276657273696f6e223a322c22706c616365645f6174223a22323032362d31312d32365431393a35383a30322e3234393733385a222c22757064617465645f6174223a22323032362d31312d32365431393a35383a30322e3239363937365a222c22686f6c645f756e74696c223a22323032362d31312d32365432303a31333a30322e3234393733385a227d');

SELECT pg_catalog.setval('public.journal_seq_seq', 11, true);

SELECT pg_catalog.setval('public.migrations_of_accounts_id_seq', 2, true);

SELECT pg_catalog.setval('public.migrations_of_catalog_id_seq', 2, true);

SELECT pg_catalog.setval('public.migrations_of_events_id_seq', 2, true);

SELECT pg_catalog.setval('public.migrations_of_orders_id_seq', 2, true);

SELECT pg_catalog.setval('public.migrations_of_personal_id_seq', 2, true);

SELECT pg_catalog.setval('public.migrations_of_views_id_seq', 2, true);

SELECT pg_catalog.setval('public.positions', 4, true);

SELECT pg_catalog.setval('public.reviews_number_seq', 1, true);

SELECT pg_catalog.setval('public.topics_id_seq', 1, true);

ALTER TABLE ONLY public.cards
    ADD CONSTRAINT cards_id_key UNIQUE (id);

ALTER TABLE ONLY public.cards
    ADD CONSTRAINT cards_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY public.cards
    ADD CONSTRAINT cards_sku_key UNIQUE (sku);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (source);

ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_stream_version_key UNIQUE (stream, version);

ALTER TABLE ONLY public.migrations_of_accounts
    ADD CONSTRAINT migrations_of_accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations_of_catalog
    ADD CONSTRAINT migrations_of_catalog_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations_of_events
    ADD CONSTRAINT migrations_of_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations_of_orders
    ADD CONSTRAINT migrations_of_orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations_of_personal
    ADD CONSTRAINT migrations_of_personal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations_of_views
    ADD CONSTRAINT migrations_of_views_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_idempotency_key_key UNIQUE (idempotency_key);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_pkey PRIMARY KEY (topic, partition);

ALTER TABLE ONLY public.personal
    ADD CONSTRAINT personal_email_key UNIQUE (email);

ALTER TABLE ONLY public.personal
    ADD CONSTRAINT personal_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.postings
    ADD CONSTRAINT postings_pkey PRIMARY KEY (term, first);

ALTER TABLE ONLY public.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (reader, topic, partition);

ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (topic, partition, seq);

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_pkey PRIMARY KEY ("position", number);

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_position_author_key UNIQUE ("position", author);

ALTER TABLE ONLY public.sagas
    ADD CONSTRAINT sagas_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_name_key UNIQUE (name);

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.views
    ADD CONSTRAINT views_pkey PRIMARY KEY (id);

CREATE INDEX cards_by_price ON public.cards USING btree (currency, amount, "position");

CREATE INDEX sagas_by_due ON public.sagas USING btree (due, order_id);

CREATE INDEX sessions_by_expiry ON public.sessions USING btree (expires_at);

CREATE INDEX sessions_by_user ON public.sessions USING btree (user_id);

CREATE INDEX views_by_user ON public.views USING btree (user_id, id);

ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_topic_fkey FOREIGN KEY (topic) REFERENCES public.topics(id);
