//! What a ledger in PostgreSQL does beyond what every ledger does.

pub(in crate::store) mod cluster;
