-- Steps of workflows that failed, to be run again.
CREATE TABLE failed_step (
    workflow TEXT NOT NULL,
    id       TEXT NOT NULL,
    step     BLOB NOT NULL,
    expires  INTEGER,
    PRIMARY KEY (workflow, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX failed_step_expires ON failed_step (expires) WHERE expires IS NOT NULL;
