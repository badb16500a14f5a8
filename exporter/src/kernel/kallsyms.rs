//! Where functions of the kernel begin and end. Without CAP_SYSLOG the file shows zeros.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

/// (start, length) of each of `names` that the kernel has; none if it does not tell. A function ends where the next
/// symbol begins. The kernel's own symbols are in order; those of a module stand together, in none.
pub fn ranges(names: &[&str]) -> io::Result<Vec<(u64, u64)>> {
    // As without CAP_SYSLOG.
    if std::env::args().any(|it| it == "nosymbols") {
        return Ok(Vec::new());
    }
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut of_modules = Vec::new();
    let mut line = Vec::new();
    let mut file = BufReader::with_capacity(64 * 1024, File::open("/proc/kallsyms")?);
    loop {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = std::str::from_utf8(&line).unwrap_or_default();
        let Some((Ok(address), rest)) = text
            .split_once(' ')
            .map(|(address, rest)| (u64::from_str_radix(address, 16), rest))
        else {
            continue;
        };
        if let Some((start, length)) = found.last_mut() {
            if *length == 0 && address > *start {
                *length = address - *start;
            }
        }
        let in_module = rest.contains('[');
        if in_module {
            of_modules.push(address);
        }
        // Parts that the compiler moved away or made for constant arguments have a suffix.
        let name = rest
            .get(2..)
            .unwrap_or_default()
            .split(['.', '\t', '\n'])
            .next()
            .unwrap_or_default();
        if matches!(rest.as_bytes().first(), Some(b't' | b'T')) && names.contains(&name) {
            // Hidden from us. Per-CPU variables may really be at 0.
            if address == 0 {
                return Ok(Vec::new());
            }
            found.push((address, 0));
        }
    }
    for (start, length) in &mut found {
        if let Some(next) = of_modules.iter().filter(|it| **it > *start).min() {
            if *length == 0 || next - *start < *length {
                *length = next - *start;
            }
        }
    }
    Ok(found)
}
