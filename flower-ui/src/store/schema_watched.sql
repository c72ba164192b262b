-- Spans in which events were heard, in seconds since 1970. Between them nobody knows what was told.
CREATE TABLE watched (
    begin REAL PRIMARY KEY,
    until REAL NOT NULL
) STRICT;
