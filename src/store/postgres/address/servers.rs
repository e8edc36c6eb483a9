//! An address that names several servers as that many addresses: each is given its own time to answer, so that
//! one that is stopped does not keep the others from being asked.

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The port of a server that names none.
const PORT: u16 = 5432;

/// Each server of the address, and what its host is called.
pub(super) fn each(config: &Config) -> Result<Vec<(String, Config)>, String> {
    let (hosts, addresses, ports) = (
        config.get_hosts(),
        config.get_hostaddrs(),
        config.get_ports(),
    );
    let count = hosts.len().max(addresses.len());
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err("its address must name as many addresses (`hostaddr`) as hosts".to_string());
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("its address must name one port, or as many as hosts".to_string());
    }
    let servers = (0..count).map(|place| {
        let mut server = without_hosts(config);
        let address = addresses.get(place).copied();
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(PORT);
        server.port(port);
        if let Some(address) = address {
            server.hostaddr(address);
        }
        let name = match (hosts.get(place), address) {
            (Some(Host::Tcp(host)), _) => {
                server.host(host);
                host.clone()
            }
            (Some(Host::Unix(folder)), _) => {
                // Nothing of it leaves this machine, and no server has TLS there.
                server.host_path(folder).ssl_mode(SslMode::Disable);
                folder.display().to_string()
            }
            (None, Some(address)) => {
                // By it the server must be known.
                server.host(address.to_string());
                address.to_string()
            }
            (None, None) => String::new(),
        };
        (name, server)
    });
    Ok(servers.collect())
}

/// All that an address says but its hosts.
fn without_hosts(config: &Config) -> Config {
    let mut server = Config::new();
    if let Some(user) = config.get_user() {
        server.user(user);
    }
    if let Some(password) = config.get_password() {
        server.password(password);
    }
    if let Some(name) = config.get_dbname() {
        server.dbname(name);
    }
    if let Some(options) = config.get_options() {
        server.options(options);
    }
    if let Some(name) = config.get_application_name() {
        server.application_name(name);
    }
    if let Some(wait) = config.get_connect_timeout() {
        server.connect_timeout(*wait);
    }
    if let Some(wait) = config.get_tcp_user_timeout() {
        server.tcp_user_timeout(*wait);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        server.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        server.keepalives_retries(retries);
    }
    server
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    server
}
