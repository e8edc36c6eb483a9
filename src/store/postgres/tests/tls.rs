//! Servers that show who they are, and those that do not.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use super::*;
use crate::store::Certainty;

/// Opens a ledger of the shared server over its network, by what this says of TLS.
fn open_by_network(
    cluster: &Cluster,
    user: &str,
    host: &str,
    tls: &str,
) -> Result<Postgres, LedgerError> {
    let address = cluster.new_ledger();
    let (_, schema) = address.rsplit_once('&').expect("a schema");
    let port = cluster.port;
    let address = format!(
        "postgres://{user}@/postgres?host={host}&hostaddr=127.0.0.1&port={port}&{schema}&{tls}"
    );
    let address = PostgresAddress::of(&address).expect("an address");
    Postgres::open(&address, Access::Create(&Unit::default()))
}

/// What the server says of how it was reached.
fn is_ciphered(ledger: &mut Postgres) -> bool {
    let asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let rows = ledger.session.script(asked).expect("an answer");
    text_of(&rows, "ssl").as_deref() == Some("t")
}

#[test]
fn a_server_is_known_by_its_authority_and_its_name() {
    with_server(|cluster| {
        let root = |name: &str| format!("sslrootcert={}", cluster.folder.join(name).display());
        let (right, wrong) = (root("authority.crt"), root("other.crt"));
        for (host, tls) in [
            ("db.example", format!("sslmode=verify-full&{right}")),
            ("other.example", format!("sslmode=verify-ca&{right}")),
            ("other.example", format!("sslmode=require&{right}")),
            ("other.example", "sslmode=require".to_string()),
            // It offers TLS, so it is used.
            ("other.example", "sslmode=prefer".to_string()),
            ("other.example", String::new()),
        ] {
            let opened = open_by_network(cluster, "bank", host, &tls);
            let mut ledger = opened.unwrap_or_else(|error| panic!("{tls}: {error}"));
            assert!(is_ciphered(&mut ledger), "{tls}");
        }
        let name = "certificate not valid for name \"other.example\"";
        for (host, tls, told) in [
            (
                "other.example",
                format!("sslmode=verify-full&{right}"),
                name,
            ),
            (
                "db.example",
                format!("sslmode=verify-full&{wrong}"),
                "by `sslrootcert`",
            ),
            (
                "db.example",
                format!("sslmode=verify-ca&{wrong}"),
                "by `sslrootcert`",
            ),
            (
                "db.example",
                format!("sslmode=require&{wrong}"),
                "by `sslrootcert`",
            ),
            ("db.example", "sslmode=disable".to_string(), "no encryption"),
        ] {
            let error = open_by_network(cluster, "bank", host, &tls)
                .err()
                .expect("refused");
            assert!(error.to_string().contains(told), "{tls}: {error}");
            // Asking again would not help.
            assert!(
                !error.may_pass() && error.certainty() == Certainty::NotDone,
                "{error:?}"
            );
        }
    });
}

#[test]
fn a_password_is_given_to_no_server_but_the_one_of_the_connection() {
    with_server(|cluster| {
        let mut owner = open(&cluster.new_ledger());
        change(
            &mut owner,
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'k'",
        );
        let bound = "sslmode=require&channel_binding=require";
        open_by_network(cluster, "guarded:k", "db.example", bound).expect("a ledger");
        let wrong = open_by_network(cluster, "guarded:l", "db.example", bound);
        let error = wrong.err().expect("refused").to_string();
        assert!(error.contains("password authentication failed"), "{error}");
    });
}

/// A server that answers whoever connects with this, and hears no more.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            let _ = client.read_exact(&mut [0; 8]);
            let _ = client.write_all(bytes);
            let _ = client.shutdown(Shutdown::Both);
        }
    });
    port
}

#[test]
fn a_server_without_tls_is_told_nothing_where_tls_is_asked_for() {
    let port = answering(b"N");
    let address = format!("postgres://bank:s3cret@127.0.0.1:{port}/money?sslmode=require");
    let address = PostgresAddress::of(&address).expect("an address");
    let opened = Postgres::open(&address, Access::Existing);
    let error = opened.err().expect("refused").to_string();
    assert!(error.contains("offers no TLS"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}
