-- Times are microseconds since 1970, UTC.

-- Numbers that only grow, so that no id is ever used twice.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('place', 0);

CREATE TABLE queue (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE binding (
    exchange TEXT NOT NULL,
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    queue    TEXT NOT NULL,
    PRIMARY KEY (exchange, key, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id         INTEGER PRIMARY KEY,
    queue      INTEGER NOT NULL REFERENCES queue (id),
    state      INTEGER NOT NULL,            -- 0 ready, 1 delayed, 2 leased
    rank       INTEGER NOT NULL,            -- the priority, negated: the smallest is next
    place      INTEGER NOT NULL,            -- among those of its rank
    due        INTEGER NOT NULL,            -- delayed: when it is ready; leased: when the lease lapses
    since      INTEGER NOT NULL,            -- when it became ready
    epoch      INTEGER NOT NULL DEFAULT 0,  -- counts its leases: the fence
    deliveries INTEGER NOT NULL DEFAULT 0,  -- those of them that may have failed
    owner      INTEGER NOT NULL DEFAULT 0,  -- leased: by which process
    envelope   BLOB NOT NULL
) STRICT;
-- Each message is in exactly one of these.
CREATE INDEX message_ready ON message (queue, rank, place, since) WHERE state = 0;
CREATE INDEX message_delayed ON message (queue, due, place) WHERE state = 1;
CREATE INDEX message_leased ON message (due, queue) WHERE state = 2;

CREATE TABLE dead (
    id         INTEGER PRIMARY KEY,
    queue      INTEGER NOT NULL REFERENCES queue (id),
    rank       INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    envelope   BLOB NOT NULL
) STRICT;
CREATE INDEX dead_of_queue ON dead (queue, at, id);

-- Processes that take messages. Each holds a lock on a file of its own while it lives.
CREATE TABLE owner (id INTEGER PRIMARY KEY, node TEXT NOT NULL, pid INTEGER NOT NULL, since INTEGER NOT NULL) STRICT;

-- Fan-out messages, kept for a minute. AUTOINCREMENT: listeners remember the last id they saw.
CREATE TABLE broadcast (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    envelope BLOB NOT NULL
) STRICT;

CREATE TABLE result (
    id        TEXT NOT NULL UNIQUE,
    state     TEXT NOT NULL,
    form      INTEGER NOT NULL,             -- of output: 0 JSON as returned, 1 a value, 2 an exception
    output    BLOB NOT NULL,
    traceback TEXT,
    date_done INTEGER,
    detail    BLOB,                         -- JSON: children, group, parent, what result_extended adds
    expires   INTEGER
) STRICT;
CREATE INDEX result_expires ON result (expires) WHERE expires IS NOT NULL;
