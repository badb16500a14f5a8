//! `/proc/slabinfo`: a line of numbers for each cache of kernel objects, by `cache_show` in
//! `mm/slab_common.c`. Only root may read it.

use super::{ParseError, decimal, fields, lines};

/// What the first line begins with.
const HEADING: &str = "slabinfo - version:";

/// A cache of kernel objects of one kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SlabCache {
    /// Objects in use. Those that a CPU holds ready are counted among them.
    pub active_objects: u64,
    /// Objects there is memory for.
    pub objects: u64,
    /// Bytes an object takes.
    pub object_size: u64,
    /// Objects in a slab.
    pub objects_per_slab: u64,
    /// Pages of a slab.
    pub pages_per_slab: u64,
}

/// Reads the line of the cache `name`; there is none for a cache that has been merged with others
/// of its size.
///
/// # Errors
/// It is not the file, or a column is not a number.
pub fn read(text: &[u8], name: &str) -> Result<Option<SlabCache>, ParseError> {
    let mut lines = lines(text);
    let heading = lines.next().unwrap_or_default();
    if !heading.starts_with(HEADING.as_bytes()) {
        return Err(ParseError::Missing(HEADING));
    }
    let of_cache = lines.find_map(|line| {
        let mut values = fields(line);
        (values.next() == Some(name.as_bytes())).then_some(values)
    });
    let Some(mut values) = of_cache else {
        return Ok(None);
    };
    let mut next = |what: &str| {
        let value = values.next().unwrap_or_default();
        decimal(value).ok_or_else(|| ParseError::number(what, value))
    };
    Ok(Some(SlabCache {
        active_objects: next("active_objs")?,
        objects: next("num_objs")?,
        object_size: next("objsize")?,
        objects_per_slab: next("objperslab")?,
        pages_per_slab: next("pagesperslab")?,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str =
        "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab>\n";

    fn table(rows: &str) -> Vec<u8> {
        format!("{HEAD}{rows}").into_bytes()
    }

    #[test]
    fn a_cache_is_found_by_its_whole_name() {
        let rows = "tw_sock_TCP          576    577    256   16    1 : tunables    0    0    0\n\
                    TCPv6                 91     92   2496   13    8 : tunables    0    0    0\n\
                    TCP                   31    143   2368   13    8 : tunables    0    0    0\n";
        let expected = SlabCache {
            active_objects: 31,
            objects: 143,
            object_size: 2368,
            objects_per_slab: 13,
            pages_per_slab: 8,
        };
        assert_eq!(read(&table(rows), "TCP"), Ok(Some(expected)));
        assert_eq!(read(&table(rows), "sock_TCP"), Ok(None));
    }

    #[test]
    fn without_its_heading_it_is_not_the_file() {
        for text in ["", "TCP 1 2 3 4 5\n"] {
            assert_eq!(
                read(text.as_bytes(), "TCP"),
                Err(ParseError::Missing(HEADING)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_line_with_too_few_columns_is_an_error() {
        assert_eq!(
            read(&table("TCP 1 2 3 4\n"), "TCP"),
            Err(ParseError::number("pagesperslab", b""))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text, "TCP");
            let _ = read(&[HEAD.as_bytes(), b"TCP ", &text].concat(), "TCP");
        }
    }
}
