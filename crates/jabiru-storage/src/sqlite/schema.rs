//! The tables, as `migrations/` leaves them.

diesel::table! {
    accounts (account_id) {
        account_id -> BigInt,
        domainpart -> Text,
        localpart -> Text,
        status -> Text,
        moved_to -> Nullable<Text>,
        moved_for_good -> Nullable<Bool>,
    }
}

diesel::table! {
    scram_credentials (account_id, mechanism) {
        account_id -> BigInt,
        mechanism -> Text,
        iterations -> Integer,
        salt -> Binary,
        stored_key -> Binary,
        server_key -> Binary,
    }
}

diesel::table! {
    account_changes (number) {
        number -> BigInt,
        domainpart -> Text,
        localpart -> Text,
        kind -> Text,
    }
}

diesel::table! {
    account_change_counter (counter_id) {
        counter_id -> Integer,
        latest -> BigInt,
    }
}

diesel::joinable!(scram_credentials -> accounts (account_id));
diesel::allow_tables_to_appear_in_same_query!(accounts, scram_credentials);
