DROP TABLE account_change_counter;
DROP TABLE account_changes;
DROP TABLE scram_credentials;
DROP TABLE accounts;
