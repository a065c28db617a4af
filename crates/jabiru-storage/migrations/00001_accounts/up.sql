-- Addresses are kept prepared (RFC 7622): equal addresses are equal octets.
CREATE TABLE accounts (
    account_id INTEGER PRIMARY KEY NOT NULL,
    domainpart TEXT NOT NULL,
    localpart TEXT NOT NULL,
    status TEXT NOT NULL,
    UNIQUE (domainpart, localpart)
) STRICT;

-- What RFC 5802 lets a server keep in place of a password: one row for each hash function.
CREATE TABLE scram_credentials (
    account_id INTEGER NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    mechanism TEXT NOT NULL,
    iterations INTEGER NOT NULL,
    salt BLOB NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    PRIMARY KEY (account_id, mechanism)
) STRICT, WITHOUT ROWID;

-- The latest changes, numbered without gaps by the one row of account_change_counter.
CREATE TABLE account_changes (
    number INTEGER PRIMARY KEY NOT NULL,
    domainpart TEXT NOT NULL,
    localpart TEXT NOT NULL,
    kind TEXT NOT NULL
) STRICT;

CREATE TABLE account_change_counter (
    counter_id INTEGER PRIMARY KEY NOT NULL CHECK (counter_id = 1),
    latest INTEGER NOT NULL
) STRICT;

INSERT INTO account_change_counter (counter_id, latest) VALUES (1, 0);
