//! The files in which PostgreSQL's programs keep passwords and services.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::Setting;

/// The most bytes of such a file.
const MAX_FILE: u64 = 1 << 20;

/// The settings of a service, by their names.
pub(super) fn service(
    name: &str,
    environment: &Setting<'_>,
) -> Result<Vec<(String, String)>, String> {
    let own = environment("PGSERVICEFILE").map(PathBuf::from);
    let own = own.or_else(|| at_home(".pg_service.conf", environment));
    let system =
        environment("PGSYSCONFDIR").map(|folder| Path::new(&folder).join("pg_service.conf"));
    for path in [own, system].into_iter().flatten() {
        let Some(text) = read(&path)? else { continue };
        if let Some(found) = section(&text, name) {
            return Ok(found);
        }
    }
    Err(format!(
        "there is no service `{name}` in `~/.pg_service.conf` or in the file that `PGSERVICEFILE` names"
    ))
}

fn section(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let heading = format!("[{name}]");
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| *line == heading)?;
    let lines = lines.take_while(|line| !line.starts_with('['));
    let pairs = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    let trimmed = |(key, value): (&str, &str)| (key.trim().to_string(), value.trim().to_string());
    Some(pairs.map(trimmed).collect())
}

/// The password that a password file has for this connection, if it has one.
pub(super) fn password(
    config: &Config,
    path: Option<PathBuf>,
    environment: &Setting<'_>,
) -> Result<Option<String>, String> {
    let Some(path) = path.or_else(|| at_home(".pgpass", environment)) else {
        return Ok(None);
    };
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    let mode = fs::metadata(&path).map_or(0, |about| about.mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(format!(
            "others can read the password file `{path}`: give it the mode 600"
        ));
    }
    let user = config
        .get_user()
        .map_or_else(|| environment("USER").unwrap_or_default(), str::to_string);
    let database = config.get_dbname().unwrap_or(&user).to_string();
    let port = config
        .get_ports()
        .first()
        .copied()
        .unwrap_or(5432)
        .to_string();
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(_)) | None => "localhost".to_string(),
    };
    let wanted = [host, port, database, user];
    let found = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let fields = fields(line);
            let (password, known) = fields.split_last()?;
            let is_it = known.len() == wanted.len()
                && known
                    .iter()
                    .zip(&wanted)
                    .all(|(known, wanted)| known == "*" || known == wanted);
            is_it.then(|| password.clone())
        });
    Ok(found)
}

/// The fields of a line of a password file: `\` keeps the sign that follows it.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match (sign, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) => field.extend(signs.next()),
            (sign, Some(field)) => field.push(sign),
            (_, None) => {}
        }
    }
    fields
}

/// The place of a file of this user.
pub(super) fn at_home(name: &str, environment: &Setting<'_>) -> Option<PathBuf> {
    environment("HOME").map(|home| Path::new(&home).join(name))
}

/// The text of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, String> {
    let failed = |error| format!("cannot read `{}`: {error}", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(about) if about.len() > MAX_FILE || !about.is_file() => return Ok(None),
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).map_err(failed)
}
