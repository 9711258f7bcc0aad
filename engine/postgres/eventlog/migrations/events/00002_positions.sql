-- +goose Up

-- append_records is as in the first version, and returns the offset of the first record of this call in each touched
-- partition, in the order of touched. A server of the first version ignores the result.
DROP FUNCTION append_records;
-- +goose StatementBegin
CREATE FUNCTION append_records(
    to_topic int, touched int[], counts bigint[], sizes bigint[],
    parts int[], nths bigint[], befores bigint[], times timestamptz[], ids bytea[], kinds bytea[], keys bytea[], bodies bytea[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
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
    RETURN ARRAY(SELECT p.next - u.count
        FROM unnest(touched, counts) WITH ORDINALITY u(part, count, nth)
        JOIN partitions p ON p.topic = to_topic AND p.partition = u.part ORDER BY u.nth);
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION append_records;
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
