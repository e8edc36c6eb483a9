//! bank
#![allow(missing_docs)]
pub mod bank;
pub mod cli;
pub mod event;
pub mod link;
pub mod protocol;
pub mod race;
pub mod report;
pub mod run;
pub mod server;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod wake;
pub mod work;
pub mod worker;
pub mod workload;
