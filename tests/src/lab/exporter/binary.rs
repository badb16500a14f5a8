//! Where the binary under test is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::lab::command::output;
use crate::lab::tools::{Found, found_once, workspace_root};

/// The package and its binary.
const NAME: &str = "kubeskoop-exporter";

/// The exporter's binary: `$KSK_EXPORTER_BIN`, else the one of the profile that this test was
/// built with, which is built if it is not there.
///
/// One that is there is taken as it is: whoever runs the tests builds the exporter first.
pub fn binary() -> Result<PathBuf> {
    static FOUND: Found = Found::new();
    found_once(&FOUND, find)
}

fn find() -> Result<PathBuf> {
    if let Some(path) = env::var_os("KSK_EXPORTER_BIN") {
        let path = PathBuf::from(path);
        ensure!(path.is_file(), "KSK_EXPORTER_BIN is no file: {}", path.display());
        return Ok(path);
    }
    let test = env::current_exe().context("cannot tell which program this is")?;
    let profile = profile_directory(&test)?;
    let binary = profile.join(NAME);
    if !binary.is_file() {
        build(profile)?;
        ensure!(binary.is_file(), "cargo build has not made {}", binary.display());
    }
    Ok(binary)
}

/// `target/debug` of `target/debug/deps/some_test-1234` and of `target/debug/some_program`.
fn profile_directory(test: &Path) -> Result<&Path> {
    let directory = test
        .parent()
        .with_context(|| format!("{} is in no directory", test.display()))?;
    if directory.ends_with("deps") {
        return directory.parent().context("deps in no directory");
    }
    Ok(directory)
}

fn build(profile: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = profile
        .parent()
        .context("a profile outside of a target directory")?;
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    output(
        Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                NAME,
                "--profile",
                name,
                "--target-dir",
            ])
            .arg(target)
            .current_dir(workspace_root()?),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn tests_stand_beside_the_binary() {
        let profile = profile_directory(Path::new("/x/target/debug/deps/smoke-12ab")).unwrap();
        assert_eq!(profile, Path::new("/x/target/debug"));
        let profile = profile_directory(Path::new("/x/target/release/bench")).unwrap();
        assert_eq!(profile, Path::new("/x/target/release"));
    }
}
