//! Addresses of ledgers in PostgreSQL.

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
    let files = ["service", "passfile", "sslrootcert", "sslcert", "sslkey"];
    if files.iter().any(|file| text.contains(file)) {
        return;
    }
    let Ok(found) = address.resolve_in(&|_| None) else {
        return;
    };
    let hosts = found.servers.iter().map(|(host, _)| host.as_str());
    let hosts: Vec<&str> = hosts.collect();
    for (_, config) in &found.servers {
        let Some(Ok(password)) = config.get_password().map(str::from_utf8) else {
            continue;
        };
        let user = config.get_user().unwrap_or_default();
        let database = config.get_dbname().unwrap_or_default();
        let is_word = password.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut others = [&found.schema, user, database]
            .into_iter()
            .chain(hosts.clone());
        let stands_elsewhere = others.any(|other| other.contains(password));
        if is_word && password.len() >= SHORTEST && !stands_elsewhere {
            for told in [&shown, &found.name] {
                assert!(!told.contains(password), "{told}");
            }
        }
    }
}
