-- Entries of the schedule and what happened to them.
CREATE TABLE schedule_entry (
    name       TEXT NOT NULL PRIMARY KEY,
    definition BLOB NOT NULL,               -- JSON
    since      INTEGER NOT NULL,            -- when it was first stored
    due        INTEGER,                     -- the last due time that was dealt with
    sent       INTEGER,                     -- when a tick was last sent
    task       TEXT,                        -- the task of that tick
    runs       INTEGER NOT NULL DEFAULT 0,
    paused     INTEGER NOT NULL DEFAULT 0,
    asked      INTEGER,                     -- an operator asked to run it now
    pending    INTEGER                      -- claimed, published elsewhere, not confirmed
) STRICT, WITHOUT ROWID;

-- What was sent, or left out: read back by entry, newest first.
CREATE TABLE schedule_tick (
    id    INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    kind  TEXT NOT NULL,                    -- due, left-out, run-now, backfill
    due   INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    task  TEXT NOT NULL
) STRICT;
CREATE INDEX schedule_tick_of_entry ON schedule_tick (entry, id);
CREATE UNIQUE INDEX schedule_tick_backfilled ON schedule_tick (entry, due) WHERE kind = 'backfill';

-- One row: the beat that leads, until when, and the number of its term.
CREATE TABLE schedule_leader (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    beat  TEXT NOT NULL,
    until INTEGER NOT NULL,
    token INTEGER NOT NULL
) STRICT;
INSERT INTO schedule_leader VALUES (1, '', 0, 0);

INSERT INTO counter VALUES ('schedule', 0); -- the revision
