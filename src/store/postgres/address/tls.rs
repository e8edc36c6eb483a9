//! Whether what is said to a server is kept from others, and how the server shows who it is.
//!
//! The settings are those of PostgreSQL's own programs. One default is stricter: a server on another machine
//! must show who it is unless the address says less, since money is at stake; theirs would do without.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Setting, files};

/// Finds a setting of TLS by its name in an address and that of its variable.
type TlsSetting<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

/// What is asked of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nothing: only those who can merely listen are kept out.
    Any,
    /// That a trusted authority has signed it.
    Authority,
    /// That, and that it is this server's own.
    AuthorityAndName,
}

/// Says whether TLS is used, and makes what it is used by.
pub(super) fn plan(
    config: &Config,
    setting: &TlsSetting<'_>,
    environment: &Setting<'_>,
) -> Result<(SslMode, Option<MakeRustlsConnect>), String> {
    let root = setting("sslrootcert", "PGSSLROOTCERT");
    let mode = setting("sslmode", "PGSSLMODE");
    let own_file = |name: &str| {
        let path = files::at_home(&format!(".postgresql/{name}"), environment);
        path.filter(|path| path.is_file())
    };
    let is_system = root.as_deref() == Some("system");
    let root = match root {
        Some(path) => Some(PathBuf::from(path)).filter(|_| !is_system),
        None => own_file("root.crt"),
    };
    let chosen = chosen(mode.as_deref(), is_near(config), root.is_some())?;
    let Some((mode, trust)) = chosen.filter(|_| has_network(config)) else {
        return Ok((SslMode::Disable, None));
    };
    if is_system && trust != Trust::AuthorityAndName {
        return Err("`sslrootcert=system` trusts whatever is signed for anyone: it needs `sslmode=verify-full`".to_string());
    }
    if setting("sslcrl", "PGSSLCRL").is_some() {
        return Err(
            "this program reads no lists of revoked certificates (`sslcrl`): leave that out"
                .to_string(),
        );
    }
    let certificate = setting("sslcert", "PGSSLCERT").map(PathBuf::from);
    let key = setting("sslkey", "PGSSLKEY").map(PathBuf::from);
    let own = certificate
        .or_else(|| own_file("postgresql.crt"))
        .zip(key.or_else(|| own_file("postgresql.key")));
    let config = client_config(trust, root.as_deref(), own)?;
    Ok((mode, Some(MakeRustlsConnect::new(config))))
}

/// What a mode means for servers on this machine, and for others; nothing where TLS is not used.
fn chosen(
    mode: Option<&str>,
    is_near: bool,
    has_root: bool,
) -> Result<Option<(SslMode, Trust)>, String> {
    let required = match has_root {
        // As PostgreSQL's programs have it.
        true => Trust::Authority,
        false => Trust::Any,
    };
    Ok(match mode {
        Some("disable") => None,
        None | Some("allow" | "prefer") if is_near => Some((SslMode::Prefer, Trust::Any)),
        // What leaves this machine never goes in the clear unless that is said.
        Some("allow" | "prefer" | "require") => Some((SslMode::Require, required)),
        Some("verify-ca") => Some((SslMode::Require, Trust::Authority)),
        None | Some("verify-full") => Some((SslMode::Require, Trust::AuthorityAndName)),
        Some(mode) => {
            return Err(format!(
                "`{mode}` is no `sslmode`: choose `verify-full`, `verify-ca`, `require`, `prefer`, `allow` or `disable`"
            ));
        }
    })
}

/// Whether a server is reached otherwise than by a socket of this machine.
fn has_network(config: &Config) -> bool {
    let hosts = config.get_hosts();
    !config.get_hostaddrs().is_empty() || hosts.iter().any(|host| matches!(host, Host::Tcp(_)))
}

/// Whether nothing that is said leaves this machine.
fn is_near(config: &Config) -> bool {
    let is_near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let ip = name.parse::<std::net::IpAddr>();
            name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        }
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_near),
        addresses => addresses.iter().all(std::net::IpAddr::is_loopback),
    }
}

fn client_config(
    trust: Trust,
    root: Option<&Path>,
    own: Option<(PathBuf, PathBuf)>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let told = |error: Error| error.to_string();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(told)?;
    let authority = match trust {
        Trust::Any => None,
        Trust::Authority | Trust::AuthorityAndName => {
            Some(verifier(roots(root)?, Arc::clone(&provider))?)
        }
    };
    let builder = match (trust, authority) {
        (Trust::AuthorityAndName, Some(authority)) => builder.with_webpki_verifier(authority),
        (_, authority) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NamelessVerifier {
                authority,
                algorithms: provider.signature_verification_algorithms,
            })),
    };
    let Some((certificate, key)) = own else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(&certificate)?;
    let key = private_key(&key)?;
    let refused = |error| {
        format!(
            "cannot use the certificate `{}`: {error}",
            certificate.display()
        )
    };
    builder.with_client_auth_cert(chain, key).map_err(refused)
}

fn verifier(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.build().map_err(|error| error.to_string())
}

/// The authorities that are trusted: those in this file, or those that this machine trusts.
fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let trusted = match file {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(trusted);
    match (roots.is_empty(), file) {
        (false, _) => Ok(roots),
        (true, Some(file)) => Err(format!("`{}` has no certificate in it", file.display())),
        (true, None) => Err("this machine has no list of authorities that it trusts: name the file of the server's own by `sslrootcert`".to_string()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| {
        format!(
            "cannot read the certificates in `{}`: {error}",
            path.display()
        )
    })
}

/// The key of this client, which must be its user's alone.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let mode = std::fs::metadata(path).map_or(0, |about| about.mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(format!(
            "others can read the key `{path}`: give it the mode 600"
        ));
    }
    let read = PrivateKeyDer::from_pem_file(path);
    read.map_err(|error| format!("cannot read the key `{}`: {error}", path.display()))
}

/// Does not look for whom a certificate is, and without an authority not by whom either.
#[derive(Debug)]
struct NamelessVerifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for NamelessVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        revocation: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.authority.as_ref().map_or_else(
            || Ok(ServerCertVerified::assertion()),
            |authority| authority.verify_server_cert(certificate, between, name, revocation, now),
        );
        match verified {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_far(address: &str) -> bool {
        !is_near(&address.parse().expect("an address"))
    }

    #[test]
    fn what_leaves_this_machine_goes_in_the_clear_only_where_that_is_said() {
        let far = |mode| chosen(mode, false, false).expect("a mode");
        assert_eq!(far(None), Some((SslMode::Require, Trust::AuthorityAndName)));
        for mode in ["allow", "prefer", "require"] {
            assert_eq!(far(Some(mode)), Some((SslMode::Require, Trust::Any)));
        }
        assert_eq!(far(Some("disable")), None);
        assert!(chosen(Some("yes"), true, false).is_err());

        for near in [
            "postgres:///money?host=/run/postgresql",
            "postgres://localhost/money",
            "postgres://127.0.0.1,[::1]/money",
            "postgres://db.example/money?hostaddr=127.0.0.1",
        ] {
            assert!(!is_far(near), "{near}");
        }
        for far in [
            "postgres://db.example/money",
            "postgres://localhost,10.0.0.1/money",
            "postgres://localhost/money?hostaddr=10.0.0.1",
        ] {
            assert!(is_far(far), "{far}");
        }
    }
}
