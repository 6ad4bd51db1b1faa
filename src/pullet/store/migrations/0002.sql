CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,                       -- environment; empty: the target itself
    name TEXT NOT NULL,
    due REAL NOT NULL,
    started REAL NOT NULL,
    finished REAL,
    exit_code INTEGER,                           -- NULL: it runs, or was interrupted
    message TEXT NOT NULL DEFAULT '',
    log TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX runs_by_name ON runs (subject, name, number);
