//! Addresses of ledgers in PostgreSQL.

use postgres::config::Host;

use super::PostgresAddress;

/// The shortest password that is looked for in what is shown: a shorter one may stand there by chance, and so may
/// one with the signs of an address.
const SHORTEST: usize = 6;

/// An address is understood or refused, and shown without its password.
pub(crate) fn postgres_address(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Some(address) = PostgresAddress::of(text) else {
        return;
    };
    let shown = address.to_string();
    // No file is looked for.
    let is_file = |name: &str| text.contains(name);
    if is_file("service") || is_file("passfile") || is_file("sslrootcert") {
        return;
    }
    let Ok(found) = address.resolve_in(&|_| None) else {
        return;
    };
    let Some(password) = found.config.get_password() else {
        return;
    };
    let Ok(password) = str::from_utf8(password) else {
        return;
    };
    let hosts = found.config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let user = found.config.get_user().unwrap_or_default().to_string();
    let database = found.config.get_dbname().unwrap_or_default().to_string();
    let mut others = hosts.chain([user, database, found.schema.clone()]);
    let is_word = password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word && password.len() >= SHORTEST && !others.any(|other| other.contains(password)) {
        for told in [&shown, &found.name] {
            assert!(!told.contains(password), "{told}");
        }
    }
}
