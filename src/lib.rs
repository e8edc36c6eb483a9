//! bank
#![allow(missing_docs)]
pub mod bank;
pub mod event;
pub mod status;
pub mod wake;
