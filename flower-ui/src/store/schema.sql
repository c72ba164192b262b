-- Names of tasks (1), states (2), workers (3), queues (4), fingerprints of errors (5), reasons (6), once each.
CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, text)
) STRICT;

-- One row a task: what is filtered and sorted by, and the history that later events merge with.
-- Times are seconds since 1970. An id that is a UUID takes 16 bytes, any other one is text.
CREATE TABLE task (
    key INTEGER PRIMARY KEY,
    id ANY NOT NULL UNIQUE,
    name INTEGER,
    state INTEGER NOT NULL,
    reason INTEGER,
    error INTEGER,
    worker INTEGER,
    queue INTEGER,
    timestamp REAL NOT NULL,
    sent REAL,
    received REAL,
    started REAL,
    ended REAL,
    eta REAL,
    wait REAL,
    runtime REAL,
    retries INTEGER,
    attempts INTEGER NOT NULL,
    -- 1: it ended well, and may go first.
    spare INTEGER NOT NULL,
    -- 1: arguments and results were deleted.
    payload_dropped INTEGER NOT NULL DEFAULT 0,
    root ANY,
    parent ANY,
    bones BLOB NOT NULL
) STRICT;
CREATE INDEX task_time ON task (timestamp);
CREATE INDEX task_spare ON task (spare, timestamp);
CREATE INDEX task_state ON task (state, timestamp);
CREATE INDEX task_name ON task (name, timestamp);
CREATE INDEX task_name_state ON task (name, state, timestamp);
CREATE INDEX task_worker ON task (worker, timestamp);
CREATE INDEX task_queue ON task (queue, timestamp) WHERE queue IS NOT NULL;
CREATE INDEX task_received ON task (received);
CREATE INDEX task_error ON task (error, timestamp) WHERE error IS NOT NULL;
CREATE INDEX task_root ON task (root) WHERE root IS NOT NULL;
CREATE INDEX task_rooted ON task (timestamp) WHERE root IS NOT NULL;
CREATE INDEX task_parent ON task (parent) WHERE parent IS NOT NULL;

-- Arguments, results and errors, compressed.
CREATE TABLE payload (
    task INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Counts and histograms by span (60, 600 or 3600 seconds), its beginning, name and queue (0: not known).
CREATE TABLE rollup (
    span INTEGER NOT NULL,
    at INTEGER NOT NULL,
    name INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL,
    started INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    retried INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    wait BLOB NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (span, at, name, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_sample (
    at INTEGER NOT NULL,
    queue TEXT NOT NULL,
    waiting INTEGER,
    in_flight INTEGER,
    oldest REAL,
    consumers INTEGER,
    PRIMARY KEY (queue, at)
) STRICT, WITHOUT ROWID;

-- Each row carries the hash of the one before: a row that was changed or taken out shows.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    details TEXT NOT NULL,
    outcome TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_time ON audit (at);
