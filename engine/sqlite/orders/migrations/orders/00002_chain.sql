-- +goose Up

-- journal.Entry.Link, in the order of seq. Entries from before this migration have none: the chain begins after them.
ALTER TABLE journal ADD COLUMN hash BLOB;

-- +goose Down
ALTER TABLE journal DROP COLUMN hash;
