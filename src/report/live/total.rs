//! How many operations a file has, as far as that shows before they are read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// So much of a file is looked at; the rest is taken to be like it.
const LOOKED_AT: u64 = 64 << 20;

/// How many lines of this file have something on them: exactly, or of a large file about. `None` where it
/// cannot be told beforehand, as of a pipe.
pub(super) fn expected_lines(path: &Path) -> Option<u64> {
    lines_like_the_first(path, LOOKED_AT)
}

fn lines_like_the_first(path: &Path, looked_at: u64) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let found = file.metadata().ok().filter(|found| found.is_file())?;
    let (mut lines, mut read, mut is_empty) = (0_u64, 0_u64, true);
    let mut block = vec![0; 1 << 16];
    while read < looked_at {
        let count = file.read(&mut block).ok()?;
        if count == 0 {
            lines += u64::from(!is_empty);
            break;
        }
        for byte in &block[..count] {
            match byte {
                b'\n' => {
                    lines += u64::from(!is_empty);
                    is_empty = true;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => is_empty = false,
            }
        }
        read += count as u64;
    }
    let is_table = path.extension().is_some_and(|extension| extension == "csv");
    let operations = lines.saturating_sub(u64::from(is_table));
    match found.len() > read && read > 0 {
        true => {
            let like_it = u128::from(operations) * u128::from(found.len()) / u128::from(read);
            u64::try_from(like_it).ok()
        }
        false => Some(operations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_file_are_counted_and_those_of_a_large_one_estimated() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |name: &str, text: &[u8], expected: Option<u64>| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("room");
            assert_eq!(expected_lines(&path), expected, "{name}");
        };
        check("none.jsonl", b"", Some(0));
        check("some.jsonl", b"{}\n\n  \n{}\n{}", Some(3));
        check("some.csv", b"op,amount\ndeposit,5\n", Some(1));
        let large = folder.path().join("large.jsonl");
        std::fs::write(&large, b"{\"op\":\"loan\"}\n".repeat(100_000)).expect("room");
        let about = lines_like_the_first(&large, 1 << 17).expect("a number");
        assert!((99_900..=100_100).contains(&about), "{about}");
        assert_eq!(expected_lines(folder.path()), None);
        assert_eq!(expected_lines(Path::new("/no/such/file")), None);
    }
}
