//! What was compressed, made readable again.

use std::fs::File;
use std::io::{Seek, Write};
use std::process::Command;

use anyhow::{Result, ensure};

/// Decompresses `bytes` with the program gzip.
pub fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut file: File = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    let output = Command::new("gzip").args(["-d", "-c"]).stdin(file).output()?;
    ensure!(
        output.status.success(),
        "gzip: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}
