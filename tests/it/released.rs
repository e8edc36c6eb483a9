//! The files of a release, made of a program that is there already.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::{Running, install, run};

/// What a command prints.
fn printed(program: &str, arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    let ended = Running::start(command).finish();
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.stdout
}

#[test]
fn one_command_makes_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // It stands for the program, which is large while it is tested.
    let [text, program] = ["text", "program"].map(|name| here.join(name));
    let real = env!("CARGO_BIN_EXE_bank-par");
    fs::write(&text, format!("#!/bin/sh\nexec {real:?} \"$@\"\n")).unwrap();
    install(text.to_str().unwrap(), program.to_str().unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/release");
    let arguments = ["files", program.to_str().unwrap()];
    printed(script.to_str().unwrap(), &arguments, here);

    let files = here.join("files");
    printed("sha256sum", &["--check", "SHA256SUMS"], &files);
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("bank-par-{version}-x86_64-unknown-linux-gnu");
    let tarball = format!("{name}.tar.gz");
    let listed = printed("tar", &["--list", "--file", &tarball], &files);
    let package = format!("bank-par_{version}_amd64.deb");
    let contents = printed("dpkg-deb", &["--contents", &package], &files);
    for file in [
        "bin/bank-par",
        "share/man/man1/bank-par.1",
        "share/man/man1/bank-par-parallel.1",
        "share/bash-completion/completions/bank-par",
        "share/zsh/vendor-completions/_bank-par",
        "share/fish/vendor_completions.d/bank-par.fish",
        "share/doc/bank-par/LICENSE-MIT",
        "share/doc/bank-par/docs/manual.md",
    ] {
        assert!(listed.contains(&format!("{name}/{file}\n")), "{listed}");
        assert!(contents.contains(&format!("./usr/{file}")), "{contents}");
    }
    printed("tar", &["--extract", "--file", &tarball], &files);
    let extracted = files.join(&name).join("bin/bank-par");
    let told = printed(extracted.to_str().unwrap(), &["-V"], here);
    assert_eq!(told, format!("bank-par {version}\n"));
}

#[test]
fn the_version_tells_commit_and_build() {
    let version = env!("CARGO_PKG_VERSION");
    let long = run(&["--version"]).expect(0).stdout;
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines[0], format!("bank-par {version}"));
    assert!(lines[1].starts_with("commit: "), "{long}");
    assert!(lines[2].starts_with("build: "), "{long}");
    assert_eq!(
        run(&["-V"]).expect(0).stdout,
        format!("bank-par {version}\n")
    );
}
