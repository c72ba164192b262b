-- Which run of a chord its claims belong to: the token of the first of them.
ALTER TABLE chord ADD COLUMN run TEXT;

-- Of what was sent under claims on chords, the copies that run.
CREATE TABLE chord_copy (
    chord   TEXT NOT NULL,
    place   INTEGER NOT NULL,               -- among what was sent under a claim
    run     TEXT NOT NULL,
    token   TEXT NOT NULL,                  -- of the claim
    expires INTEGER,
    PRIMARY KEY (chord, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX chord_copy_expires ON chord_copy (expires) WHERE expires IS NOT NULL;
