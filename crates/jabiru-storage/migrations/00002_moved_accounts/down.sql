DROP INDEX moved_accounts;
ALTER TABLE accounts DROP COLUMN moved_for_good;
ALTER TABLE accounts DROP COLUMN moved_to;
