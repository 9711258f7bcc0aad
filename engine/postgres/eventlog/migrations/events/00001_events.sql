-- +goose Up

-- A topic never changes its number or its partitions, so that servers may cache them.
CREATE TABLE topics (
    id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL COLLATE "C" UNIQUE
);

-- The bounds of each partition. A transaction that appends locks its rows here, in the order of the partitions, until its
-- commit is visible: so offsets are in the order of the commits, without gaps. Pages have free space, so that new versions
-- of the rows stay on their pages.
CREATE TABLE partitions (
    topic     int NOT NULL REFERENCES topics,
    partition int NOT NULL,
    oldest    bigint NOT NULL DEFAULT 0,           -- offset of the oldest record kept; those before it are on their way out
    next      bigint NOT NULL DEFAULT 0,           -- offset of the next record
    bytes     bigint NOT NULL DEFAULT 0,           -- of all records there ever were
    appended  timestamptz NOT NULL DEFAULT '-infinity', -- when the newest record was
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10);

-- Append-only, except for the rows that Trim deletes after trim_topic. It deletes a part of the table all the time, and the
-- low scale factor has it vacuumed before searches step over many deleted rows. Texts are bytes, because the log accepts
-- any bytes.
CREATE TABLE records (
    topic     int NOT NULL,
    partition int NOT NULL,
    seq       bigint NOT NULL, -- the offset, which is a word of SQL
    before    bigint NOT NULL, -- bytes of all records that the partition ever had before this one
    appended  timestamptz NOT NULL,
    at        timestamptz NOT NULL,
    id        bytea NOT NULL,
    kind      bytea NOT NULL,
    key       bytea NOT NULL,
    value     bytea NOT NULL,
    PRIMARY KEY (topic, partition, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- The offset from which each group reads on.
CREATE TABLE progress (
    reader    text NOT NULL COLLATE "C",
    topic     int NOT NULL,
    partition int NOT NULL,
    next      bigint NOT NULL,
    PRIMARY KEY (reader, topic, partition)
) WITH (fillfactor = 10);

-- append_records adds records. The first three arrays are the partitions, and the number of records and bytes for each. The
-- others are the records: the partition, and the number of records and bytes of this call that precede it there.
-- +goose StatementBegin
CREATE FUNCTION append_records(
    to_topic int, touched int[], counts bigint[], sizes bigint[],
    parts int[], nths bigint[], befores bigint[], times timestamptz[], ids bytea[], kinds bytea[], keys bytea[], bodies bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
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
-- +goose StatementEnd

-- trim_topic moves the beginning of each partition after the records that were appended before since, or that precede its
-- last bytes (0 is no limit). It reads few records, however many it drops, and returns their number. It leaves their rows.
-- +goose StatementBegin
CREATE FUNCTION trim_topic(of_topic int, since timestamptz, most bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
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
END $$
    SET enable_seqscan = off; -- the table may be large, whatever statistics say of a new one
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION trim_topic;
DROP FUNCTION append_records;
DROP TABLE progress;
DROP TABLE records;
DROP TABLE partitions;
DROP TABLE topics;
