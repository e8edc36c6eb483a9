//! Where a ledger in PostgreSQL is, and how it is reached: what the address says, then the service that it
//! names, then the environment, as PostgreSQL's own programs have it.

mod files;
mod servers;
mod tls;

use std::fmt;
use std::path::PathBuf;

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::AnswerLimits;
use crate::store::LedgerError;

/// The schema of a ledger that names none.
const SCHEMA: &str = "bank_par";
/// The longest name of a schema: PostgreSQL would cut it off.
const MAX_SCHEMA: usize = 63;
/// Where a server of this machine listens that nothing names.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// How long a connection is waited for, and how a server is noticed that is gone.
const CONNECT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(10);
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How a password is written in an address.
const ESCAPED: &str = "a sign such as `/` or `@` in a password is written as `%2F` or `%40`";

/// Where a ledger in PostgreSQL is, as it was named. It may have a password in it, so it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress(String);

/// An address with all that is known of it.
#[derive(Clone)]
pub(super) struct ServerAddress {
    /// Each server under the name of its host, in the order in which they are tried.
    pub(super) servers: Vec<(String, Config)>,
    /// What keeps it from others, where that is wanted.
    pub(super) tls: Option<MakeRustlsConnect>,
    pub(super) limits: AnswerLimits,
    pub(super) schema: String,
    /// What the ledger is called in messages.
    pub(super) name: String,
}

/// What an address leaves open, by the names that a service file has for it.
type Setting<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl PostgresAddress {
    /// The address that this text is, if it is one.
    pub fn of(text: &str) -> Option<Self> {
        let is_one = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        is_one.then(|| PostgresAddress(text.to_string()))
    }

    /// The address as it was named, for a process of one's own.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The statements by which its owner lets others use the ledger.
    pub(in crate::store) fn grants(&self) -> Result<Vec<String>, LedgerError> {
        Ok(super::settings::grants(&self.resolve()?.schema))
    }

    /// Finds out all that is needed to connect.
    pub(super) fn resolve(&self) -> Result<ServerAddress, LedgerError> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        self.resolve_in(&environment)
            .map_err(|cause| LedgerError::Database {
                ledger: self.to_string(),
                doing: "open",
                cause,
            })
    }

    pub(super) fn resolve_in(&self, environment: &Setting<'_>) -> Result<ServerAddress, String> {
        let (text, own) = self.split()?;
        let own = |name: &str| {
            let found = own.iter().rfind(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let mut config: Config = text.parse().map_err(|error| {
            let why = std::error::Error::source(&error)
                .map_or_else(String::new, |why| format!(": {why}"));
            format!("its address cannot be read{why}; {ESCAPED}")
        })?;
        // What stands before this sign may be the rest of a password, which neither a message nor a look-up may tell.
        let has_sign = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(has_sign) {
            return Err(format!("one of its hosts has an `@`; {ESCAPED}"));
        }
        // The client would take several for one.
        for host in own("host").iter().flat_map(|hosts| hosts.split(',')) {
            config.host(host);
        }
        let service = own("service").or_else(|| environment("PGSERVICE"));
        let service = match service {
            Some(service) => files::service(&service, environment)?,
            None => Vec::new(),
        };
        let setting = |name: &str, variable: &str| {
            let found = service.iter().rfind(|(key, _)| key == name);
            let found = found.map(|(_, value)| value.clone());
            found.or_else(|| environment(variable))
        };
        complete(&mut config, &setting)?;
        if config.get_password().is_none() {
            let path = own("passfile").or_else(|| setting("passfile", "PGPASSFILE"));
            if let Some(password) = files::password(&config, path.map(PathBuf::from), environment)?
            {
                config.password(password);
            }
        }
        let setting = |name: &str, variable: &str| own(name).or_else(|| setting(name, variable));
        let (mode, tls) = tls::plan(&config, &setting, environment)?;
        config.ssl_mode(mode);
        let schema = own("schema").unwrap_or_else(|| SCHEMA.to_string());
        if schema.is_empty() || schema.len() > MAX_SCHEMA || schema.starts_with("pg_") {
            return Err(format!(
                "`{schema}` can be no schema: its name has 1 to {MAX_SCHEMA} bytes and does not begin with `pg_`"
            ));
        }
        let name = name(&config, &schema);
        Ok(ServerAddress {
            servers: servers::each(&config)?,
            tls,
            limits: AnswerLimits::USUAL,
            schema,
            name,
        })
    }

    /// The address without what the client does not know, and that.
    fn split(&self) -> Result<(String, Vec<(String, String)>), String> {
        const OWN: [&str; 9] = [
            "schema",
            "host",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "sslcrl",
            "service",
            "passfile",
        ];
        let Some((before, query)) = self.0.split_once('?') else {
            return Ok((self.0.clone(), Vec::new()));
        };
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match OWN.contains(&key) {
                true => own.push((key.to_string(), decoded(value)?)),
                false => others.push(part),
            }
        }
        Ok((format!("{before}?{}", others.join("&")), own))
    }
}

/// Adds what the address leaves open.
fn complete(
    config: &mut Config,
    setting: &dyn Fn(&str, &str) -> Option<String>,
) -> Result<(), String> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let local = || {
            let folders = SOCKET_FOLDERS.iter();
            let found = folders
                .copied()
                .find(|folder| PathBuf::from(folder).is_dir());
            found.unwrap_or("localhost").to_string()
        };
        let hosts = setting("host", "PGHOST").unwrap_or_else(local);
        for host in hosts.split(',') {
            config.host(host);
        }
    }
    if config.get_ports().is_empty()
        && let Some(ports) = setting("port", "PGPORT")
    {
        for port in ports.split(',') {
            let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
            config.port(port);
        }
    }
    if config.get_user().is_none()
        && let Some(user) = setting("user", "PGUSER")
    {
        config.user(&user);
    }
    if config.get_dbname().is_none()
        && let Some(name) = setting("dbname", "PGDATABASE")
    {
        config.dbname(&name);
    }
    if config.get_password().is_none()
        && let Some(password) = setting("password", "PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        let name = setting("application_name", "PGAPPNAME");
        config.application_name(name.unwrap_or_else(|| "bank-par".to_string()));
    }
    if config.get_options().is_none()
        && let Some(options) = setting("options", "PGOPTIONS")
    {
        config.options(&options);
    }
    match setting("channel_binding", "PGCHANNELBINDING").as_deref() {
        Some("require") => drop(config.channel_binding(ChannelBinding::Require)),
        Some("disable") => drop(config.channel_binding(ChannelBinding::Disable)),
        _ => {}
    }
    complete_waits(config, setting);
    Ok(())
}

/// Adds for how long what is waited for, where the address leaves that open.
fn complete_waits(config: &mut Config, setting: &dyn Fn(&str, &str) -> Option<String>) {
    let seconds = setting("connect_timeout", "PGCONNECT_TIMEOUT");
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    if config.get_connect_timeout().is_none() {
        let wait = seconds
            .filter(|seconds| *seconds > 0)
            .map_or(CONNECT, Duration::from_secs);
        config.connect_timeout(wait);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    config
        .keepalives_idle(KEEPALIVE)
        .keepalives_interval(KEEPALIVE / 2)
        .keepalives_retries(3);
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

/// What a ledger is called in messages: never with a password.
fn name(config: &Config, schema: &str) -> String {
    let mut name = String::from("postgres://");
    if let Some(user) = config.get_user() {
        name += &format!("{user}@");
    }
    let mut folders = Vec::new();
    let hosts = config
        .get_hosts()
        .iter()
        .enumerate()
        .filter_map(|(place, host)| {
            let ports = config.get_ports();
            let port = ports
                .get(place)
                .or(ports.first())
                .filter(|port| **port != 5432);
            match host {
                Host::Tcp(host) => Some(match port {
                    Some(port) => format!("{host}:{port}"),
                    None => host.clone(),
                }),
                Host::Unix(path) => {
                    folders.push(path.display().to_string());
                    None
                }
            }
        });
    name += &hosts.collect::<Vec<String>>().join(",");
    name += &format!("/{}", config.get_dbname().unwrap_or_default());
    let host = (!folders.is_empty()).then(|| format!("host={}", folders.join(",")));
    let schema = (schema != SCHEMA).then(|| format!("schema={schema}"));
    let query: Vec<String> = host.into_iter().chain(schema).collect();
    if !query.is_empty() {
        name += &format!("?{}", query.join("&"));
    }
    name
}

/// A part of an address without its escapes.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(16 * high + low).unwrap_or_default(),
                _ => {
                    return Err(
                        "its address has a `%` that no two hexadecimal digits follow".into(),
                    );
                }
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| "its address is no UTF-8".to_string())
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgres", &self.0));
        // All up to the last `@` is taken for the user and the password, whatever stands between.
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let user = user.split([':', '?']).next().unwrap_or_default();
        let at = if user.is_empty() { "" } else { "@" };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_shown = |part: &&str| !part.is_empty() && !part.starts_with("password");
        let query: Vec<&str> = query.split('&').filter(is_shown).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        write!(f, "{scheme}://{user}{at}{place}{mark}{}", query.join("&"))
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_password_is_taken_for_no_host() {
        let address = PostgresAddress::of("postgres://me:half@secret@db.example,other/bank");
        let address = address.expect("an address");
        let refused = address.resolve_in(&|_| None).map(|found| found.name);
        let why = refused.expect_err("an `@` in a host");
        for told in [&why, &address.to_string()] {
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(why.contains("%40"), "{why}");
    }
}
