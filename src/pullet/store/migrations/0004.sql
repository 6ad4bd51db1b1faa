CREATE TABLE assessments (
    app TEXT NOT NULL,
    environment TEXT NOT NULL,
    release INTEGER NOT NULL,
    assessed REAL NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (app, environment, release)
) STRICT;
