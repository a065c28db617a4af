-- Where an account has moved to; both are null while it is here. Its status stays what it will be
-- when it comes back.
ALTER TABLE accounts ADD COLUMN moved_to TEXT;
ALTER TABLE accounts ADD COLUMN moved_for_good INTEGER
    CHECK ((moved_for_good IS NULL) = (moved_to IS NULL));

-- Few accounts have moved: finding them must not read all others.
CREATE INDEX moved_accounts ON accounts (domainpart, localpart) WHERE moved_to IS NOT NULL;
