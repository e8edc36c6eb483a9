//! `man`: pages of the manual.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::help::command;
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{Output, ProtectedFiles};

/// The beginning of a page's title, by which a page of this program is known.
const TITLE: &str = ".TH bank-par";

#[derive(Args)]
pub(super) struct ManArgs {
    /// The command whose page is printed; without it, that of the whole program
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    page: Option<String>,
    /// Write all pages into this folder instead, such as `~/.local/share/man/man1`
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// `bank-par man`
pub(super) fn man(args: ManArgs) -> CliResult {
    let mut output = Output::open(&ProtectedFiles::default()).map_err(Failure::usage)?;
    let pages = pages();
    match (args.dir, args.page) {
        (Some(folder), _) => {
            write_all(&pages, &folder).map_err(Failure::usage)?;
            output.line(format_args!(
                "{} pages in {}",
                pages.len(),
                folder.display()
            ));
        }
        (None, page) => {
            let name = page.as_deref().unwrap_or("bank-par");
            let of_name = |page: &&Command| page.get_name() == name;
            let Some(page) = pages.iter().find(of_name) else {
                let unknown = anyhow!("there is no command `{name}`; `bank-par --help` lists all");
                return Err(Failure::usage(unknown));
            };
            let text = text(page).map_err(Failure::died)?;
            output.line(String::from_utf8_lossy(&text).trim_end());
        }
    }
    ended(output.finish())
}

/// The program and each of its commands.
fn pages() -> Vec<Command> {
    let mut command = command().disable_help_subcommand(true);
    command.build();
    let commands = command.get_subcommands().filter(|one| !one.is_hide_set());
    let commands: Vec<Command> = commands.cloned().collect();
    [command].into_iter().chain(commands).collect()
}

/// A page, with the examples first as in the help.
fn text(page: &Command) -> io::Result<Vec<u8>> {
    let program = concat!("bank-par ", env!("CARGO_PKG_VERSION"));
    let (man, mut out) = (Man::new(page.clone()).source(program), Vec::new());
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    if let Some(examples) = page.get_before_help() {
        let mut section = Roff::new();
        section.control("SH", ["EXAMPLES"]);
        section.control("nf", []);
        for line in examples.to_string().lines().skip(1) {
            section.text([roman(line)]);
        }
        section.control("fi", []);
        out.extend(section.render().into_bytes());
    }
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if page.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    Ok(out)
}

/// Writes each page into a folder. A file of that name which is no page of this program stays.
fn write_all(pages: &[Command], folder: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot write the pages into `{}`", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let files = pages
        .iter()
        .map(|page| folder.join(Man::new(page.clone()).get_filename()));
    let files: Vec<PathBuf> = files.collect();
    for file in &files {
        if is_foreign(file).with_context(context)? {
            bail!(
                "`{}` is no page of this program and was left as it is: name another folder",
                file.display()
            );
        }
    }
    for (page, file) in pages.iter().zip(&files) {
        write_page(page, folder, file).with_context(context)?;
    }
    Ok(())
}

fn is_foreign(file: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(4_096).read_to_end(&mut start)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let start = String::from_utf8_lossy(&start);
    Ok(!start.lines().any(|line| line.starts_with(TITLE)))
}

/// A page is there as a whole or not at all.
fn write_page(page: &Command, folder: &Path, file: &Path) -> io::Result<()> {
    let mut made = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    made.write_all(&text(page)?)?;
    made.persist(file)?;
    Ok(())
}
