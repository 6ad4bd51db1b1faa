-- Times are seconds since the epoch. An environment is written `app/name`.

CREATE TABLE environments (
    name TEXT PRIMARY KEY,
    live INTEGER,                                -- release last switched to
    last_release INTEGER NOT NULL DEFAULT 0,     -- numbers are never used twice, so the counters outlive the rows
    last_deployment INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE releases (
    environment TEXT NOT NULL REFERENCES environments (name),
    number INTEGER NOT NULL,
    ref TEXT NOT NULL,
    sha TEXT NOT NULL,
    configuration TEXT NOT NULL,
    candidate TEXT NOT NULL,                     -- Candidate.id
    stage TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',             -- of the verdict
    created REAL NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,          -- its files are gone
    spec TEXT,                                   -- JSON of AppSpec
    artifact TEXT,                               -- JSON of Artifact
    variables TEXT NOT NULL DEFAULT '[]',        -- JSON of pairs
    PRIMARY KEY (environment, number)
) STRICT;
CREATE INDEX releases_by_candidate ON releases (environment, candidate);

CREATE TABLE deployments (
    environment TEXT NOT NULL REFERENCES environments (name),
    number INTEGER NOT NULL,
    release INTEGER NOT NULL,
    ref TEXT NOT NULL,
    sha TEXT NOT NULL,
    cause TEXT NOT NULL,                         -- Trigger
    outcome TEXT NOT NULL,
    started REAL NOT NULL,
    finished REAL,
    error_code TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    hint TEXT NOT NULL DEFAULT '',
    context TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, number)
) STRICT;
CREATE UNIQUE INDEX one_running_deployment ON deployments (environment) WHERE outcome = 'running';

CREATE TABLE steps (
    environment TEXT NOT NULL,
    deployment INTEGER NOT NULL,
    position INTEGER NOT NULL,                   -- from 1
    name TEXT NOT NULL,
    started REAL NOT NULL,
    finished REAL,
    outcome TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    log TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, deployment, position),
    FOREIGN KEY (environment, deployment) REFERENCES deployments (environment, number) ON DELETE CASCADE
) STRICT;

CREATE TABLE conditions (
    subject TEXT NOT NULL,
    type TEXT NOT NULL,
    status INTEGER,                              -- NULL: unknown
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    since REAL NOT NULL,
    revision TEXT NOT NULL,
    PRIMARY KEY (subject, type)
) STRICT;

CREATE TABLE events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    environment TEXT NOT NULL,                   -- empty: the box as a whole
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    deployment INTEGER
) STRICT;
CREATE INDEX events_by_environment ON events (environment, cursor);
