-- Rate limits that all workers share, as they are in the core's `RateBucket`.
CREATE TABLE rate (
    key   TEXT NOT NULL PRIMARY KEY,
    last  INTEGER,                          -- the last turn that was given out
    asks  INTEGER NOT NULL,                 -- the earliest time at which nobody was told to ask again
    until INTEGER NOT NULL                  -- from then on it does not matter any more
) STRICT, WITHOUT ROWID;

-- What was revoked: for workers that were down, or start.
CREATE TABLE revoked (
    what TEXT NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_at ON revoked (at);
