//! A ledger in a schema of a database.

use std::sync::Mutex;

use super::LedgerPlace;
use crate::bank::Unit;
use crate::report::stderr_line;
use crate::store::postgres::tests::cluster::Cluster;
use crate::store::{Access, Ledger, Place, PostgresAddress};

/// A ledger in a schema of its own.
struct InSchema {
    cluster: &'static Cluster,
    address: Mutex<String>,
}

/// Tries something over a ledger, where there is a server.
pub(super) fn with(scenario: fn(&dyn LedgerPlace)) {
    match Cluster::shared() {
        Ok(cluster) => scenario(&InSchema {
            cluster,
            address: Mutex::new(cluster.new_ledger()),
        }),
        Err(missing) => stderr_line(format_args!("not checked: {missing}")),
    }
}

impl LedgerPlace for InSchema {
    fn open(&self) -> Box<dyn Ledger> {
        let address = PostgresAddress::of(&self.address.lock().expect("an address"));
        let place = Place::Postgres(address.expect("an address"));
        place
            .open(Access::Create(&Unit::default()))
            .expect("a ledger")
    }

    fn clear(&self) {
        *self.address.lock().expect("an address") = self.cluster.new_ledger();
    }

    fn histories(&self) -> u32 {
        16
    }
}
