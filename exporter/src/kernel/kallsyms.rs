//! Where functions of the kernel begin and end.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;

/// Where a function begins, and how many bytes it has.
pub type Range = (u64, u64);

/// The functions of these names that the kernel has; none at all if it hides where they are.
///
/// It does from whoever lacks `CAP_SYSLOG`, depending on `kernel.kptr_restrict` and
/// `kernel.perf_event_paranoid`.
///
/// # Errors
/// The file cannot be read.
pub fn ranges(names: &[&str]) -> io::Result<Option<Vec<Range>>> {
    let file = File::open("/proc/kallsyms")?;
    ranges_in(BufReader::with_capacity(64 * 1024, file), names)
}

/// A number that changes when a module comes or goes.
pub fn modules() -> Option<u64> {
    // One directory for each.
    Some(fs::metadata("/sys/module").ok()?.nlink())
}

fn ranges_in(mut file: impl BufRead, names: &[&str]) -> io::Result<Option<Vec<Range>>> {
    let mut search = Search::default();
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        let symbol = std::str::from_utf8(&line).ok().and_then(Symbol::of_line);
        if let Some(symbol) = symbol
            && !search.meet(&symbol, names)
        {
            return Ok(None);
        }
        line.clear();
    }
    Ok(Some(search.finish()))
}

struct Symbol<'a> {
    address: u64,
    is_function: bool,
    name: &'a str,
    is_of_module: bool,
}

impl<'a> Symbol<'a> {
    /// Reads `ffffffff81000000 t name` or `ffffffffc0000000 t name\t[module]`.
    fn of_line(line: &'a str) -> Option<Self> {
        let (address, rest) = line.trim_end().split_once(' ')?;
        let (kind, name) = rest.split_once(' ')?;
        // Parts that the compiler moved away or made for constant arguments have a suffix.
        let end = name.find(['.', '\t']).unwrap_or(name.len());
        Some(Self {
            address: u64::from_str_radix(address, 16).ok()?,
            is_function: matches!(kind, "t" | "T"),
            name: &name[..end],
            is_of_module: name.ends_with(']'),
        })
    }
}

/// A function ends where the next symbol begins. The kernel's own symbols are in the order of their
/// addresses; those of a module stand together, in none.
#[derive(Default)]
struct Search {
    found: Vec<Range>,
    of_modules: Vec<u64>,
}

impl Search {
    /// Says false if the kernel hides addresses.
    fn meet(&mut self, symbol: &Symbol<'_>, names: &[&str]) -> bool {
        if let Some((start, length)) = self.found.last_mut()
            && *length == 0
            && symbol.address > *start
        {
            *length = symbol.address - *start;
        }
        if symbol.is_of_module {
            self.of_modules.push(symbol.address);
        }
        if symbol.is_function && names.contains(&symbol.name) {
            self.found.push((symbol.address, 0));
            // Others may really be at 0: variables of each CPU were until 6.14.
            return symbol.address != 0;
        }
        true
    }

    fn finish(mut self) -> Vec<Range> {
        for (start, length) in &mut self.found {
            let next = self.of_modules.iter().filter(|it| *it > start).min();
            if let Some(room) = next.map(|next| next - *start)
                && (*length == 0 || room < *length)
            {
                *length = room;
            }
        }
        self.found.retain(|(_, length)| *length > 0);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges_of(text: &str) -> Option<Vec<Range>> {
        ranges_in(text.as_bytes(), &["one", "two", "in_module"]).expect("text")
    }

    #[test]
    fn a_function_ends_where_the_next_symbol_begins() {
        let text = "0000000000000000 A per_cpu_start\n\
                    ffffffff81000100 T one\n\
                    ffffffff81000100 T alias\n\
                    ffffffff81000130 t other\n\
                    ffffffff81000200 t two.cold\n\
                    ffffffff81000210 d data\n\
                    ffffffff81000300 d one\n\
                    ffffffff81000400 d end\n";
        let expected = vec![(0xffff_ffff_8100_0100, 0x30), (0xffff_ffff_8100_0200, 0x10)];
        assert_eq!(ranges_of(text), Some(expected));
    }

    #[test]
    fn symbols_of_a_module_are_in_no_order() {
        let text = "ffffffffc0000500 t later\t[some]\n\
                    ffffffffc0000100 t in_module\t[some]\n\
                    ffffffffc0000900 t last\t[some]\n\
                    ffffffffc0000140 t next\t[some]\n";
        assert_eq!(ranges_of(text), Some(vec![(0xffff_ffff_c000_0100, 0x40)]));
    }

    #[test]
    fn addresses_that_are_hidden_are_no_addresses() {
        let text = "0000000000000000 T first\n0000000000000000 T one\n0000000000000000 T last\n";
        assert_eq!(ranges_of(text), None);
        assert_eq!(ranges_of("0000000000000000 T first\n"), Some(Vec::new()));
    }

    #[test]
    fn the_running_kernel_has_modules() {
        assert!(modules().is_some_and(|count| count > 2));
    }
}
