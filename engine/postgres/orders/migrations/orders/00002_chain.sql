-- +goose Up

-- journal.Entry.Link, in the order of seq. Entries from before this migration have none: the chain begins after them.
ALTER TABLE journal ADD COLUMN hash bytea;

-- Whoever inserts holds the lock of lock_journal, so that the newest entry stays the newest. A trigger and no code of the
-- program, so that servers of the version before, which may still run, continue the chain too.
-- +goose StatementBegin
CREATE FUNCTION chain_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bytea;
BEGIN
    SELECT j.hash INTO before FROM journal j ORDER BY j.seq DESC LIMIT 1;
    NEW.hash := sha256(coalesce(before, decode(repeat('00', 32), 'hex'))
        || int8send(NEW.seq) || int8send(NEW.version) || int8send((extract(epoch FROM NEW.at) * 1000000)::bigint)
        || int4send(octet_length(NEW.stream)) || convert_to(NEW.stream, 'UTF8')
        || int4send(octet_length(NEW.kind)) || convert_to(NEW.kind, 'UTF8') || NEW.body);
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER chain_entry BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION chain_entry();

-- +goose Down
DROP TRIGGER chain_entry ON journal;
DROP FUNCTION chain_entry;
ALTER TABLE journal DROP COLUMN hash;
