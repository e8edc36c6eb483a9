//! bank
#![allow(missing_docs)]
pub mod bank;
pub mod event;
pub mod link;
pub mod protocol;
pub mod status;
pub mod store;
pub mod wake;
pub mod worker;
