CREATE TABLE kept (
    app TEXT NOT NULL,
    environment TEXT NOT NULL,
    release INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (app, environment, release)
) STRICT;
INSERT INTO kept SELECT app, environment, release, value FROM assessments;
DROP TABLE assessments;
ALTER TABLE kept RENAME TO assessments;
CREATE TABLE results (
    app TEXT NOT NULL,
    environment TEXT NOT NULL,
    release INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (app, environment, release)
) STRICT;
