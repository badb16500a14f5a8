//! Running a command to its end.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` without input and returns what it wrote to stdout; anything but success is an
/// error that quotes its stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    text_of(command, &output)
}

/// Like [`output`], with `input` on stdin.
///
/// The input is written before anything is read, so it must fit into a pipe (64 KiB).
pub fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    // A command that ends before it has read everything says why on stderr: that is the error.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child
        .wait_with_output()
        .with_context(|| format!("cannot wait for {command:?}"))?;
    let text = text_of(command, &output)?;
    written.with_context(|| format!("{command:?} did not read its input"))?;
    Ok(text)
}

fn text_of(command: &Command, output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!(
            "{command:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn returns_stdout() {
        assert_eq!(output(Command::new("echo").arg("hello")).unwrap(), "hello\n");
    }

    #[test]
    fn feeds_stdin() {
        let echoed = output_with_input(&mut Command::new("cat"), "over\nand out\n").unwrap();
        assert_eq!(echoed, "over\nand out\n");
    }

    #[test]
    fn a_failure_quotes_stderr() {
        let error = output(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no luck") && text.contains("exit status: 3"),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("ksk-no-such-program")).unwrap_err();
        assert!(format!("{error:#}").contains("ksk-no-such-program"));
    }
}
