-- What was taken in from elsewhere: under which name it came, and what it is called here. A second run, also one after
-- a crash, reads on where the first one stopped and makes nothing twice.
CREATE TABLE taken_in (
    source TEXT NOT NULL,
    kind TEXT NOT NULL, -- a noun; '@' and the name of a part say how many of its lines are in
    theirs TEXT NOT NULL,
    ours TEXT NOT NULL,
    PRIMARY KEY (source, kind, theirs)
) STRICT, WITHOUT ROWID;
