-- What a message carries lies beside it, so that a lease rewrites a few bytes and not a page for every four messages.
CREATE TABLE payload (
    id       INTEGER PRIMARY KEY,           -- of the message
    envelope BLOB NOT NULL
) STRICT;
INSERT INTO payload (id, envelope) SELECT id, envelope FROM message ORDER BY id;
ALTER TABLE message DROP COLUMN envelope;
CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN
    DELETE FROM payload WHERE id = old.id;
END;
