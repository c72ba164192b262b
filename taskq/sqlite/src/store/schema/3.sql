-- Chords whose header runs, and the members that have ended.
CREATE TABLE chord (
    id      TEXT NOT NULL PRIMARY KEY,      -- group id of the header
    size    INTEGER,                        -- null until it was sent, and again once it has failed
    added   INTEGER NOT NULL DEFAULT 0,     -- members that joined later
    token   TEXT,                           -- who may send the body
    until   INTEGER NOT NULL DEFAULT 0,     -- how long that holds
    done    INTEGER NOT NULL DEFAULT 0,     -- the body was sent
    expires INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX chord_expires ON chord (expires) WHERE expires IS NOT NULL;

CREATE TABLE chord_member (
    chord  TEXT NOT NULL REFERENCES chord (id) ON DELETE CASCADE,
    place  INTEGER NOT NULL,                -- its index in the header; those without one come last
    id     TEXT NOT NULL,
    state  TEXT NOT NULL,
    form   INTEGER NOT NULL,                -- of output, as in result
    output BLOB NOT NULL,
    PRIMARY KEY (chord, place, id)
) STRICT, WITHOUT ROWID;

-- Saved groups: their members as JSON.
CREATE TABLE saved_group (
    id      TEXT NOT NULL PRIMARY KEY,
    tree    BLOB NOT NULL,
    expires INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_group_expires ON saved_group (expires) WHERE expires IS NOT NULL;
