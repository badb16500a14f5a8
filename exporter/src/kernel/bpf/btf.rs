//! Numbers of the running kernel's enumerators, found by name.
//!
//! The MIB enums have no name of their own, so CO-RE cannot relocate them. The type information
//! (Documentation/bpf/btf.rst) is read as a stream: to keep all of it would cost 10 MB.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const MAGIC: u32 = 0xeb9f;
const KIND_ENUM: u32 = 6;

/// The value of each of `names` that the kernel has, from the BTF file at `path`.
///
/// # Errors
/// The file cannot be read, or is not BTF of this machine's byte order.
pub fn enumerators(path: &Path, names: &[&'static str]) -> io::Result<HashMap<&'static str, i32>> {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let [magic, base, types, types_length, strings, strings_length] = words(&mut file)?;
    if magic & 0xffff != MAGIC {
        return Err(invalid("not BTF of this byte order"));
    }
    file.seek(SeekFrom::Start(u64::from(base) + u64::from(strings)))?;
    let offsets = string_offsets((&mut file).take(u64::from(strings_length)), names)?;
    file.seek(SeekFrom::Start(u64::from(base) + u64::from(types)))?;
    let mut types = (&mut file).take(u64::from(types_length));
    let mut found = HashMap::new();
    while types.limit() > 0 {
        let [_, info, _] = words(&mut types)?;
        let (kind, members) = (info >> 24 & 0x1f, info & 0xffff);
        if kind != KIND_ENUM {
            skip(&mut types, extra_bytes(kind, members)?)?;
            continue;
        }
        for _ in 0..members {
            let [name, value] = words(&mut types)?;
            found.extend(offsets.get(&name).map(|name| (*name, value.cast_signed())));
        }
    }
    Ok(found)
}

/// Where each name begins in the string section; every string stands there once.
fn string_offsets(section: impl Read, names: &[&'static str]) -> io::Result<HashMap<u32, &'static str>> {
    let wanted: HashMap<&[u8], &'static str> = names.iter().map(|name| (name.as_bytes(), *name)).collect();
    let mut section = BufReader::new(section);
    let (mut at, mut text, mut offsets) = (0, Vec::new(), HashMap::new());
    loop {
        text.clear();
        let length = section.read_until(0, &mut text)?;
        if length == 0 {
            return Ok(offsets);
        }
        text.pop();
        offsets.extend(wanted.get(text.as_slice()).map(|name| (at, *name)));
        at += u32::try_from(length).map_err(io::Error::other)?;
    }
}

/// What follows the common part of a type.
fn extra_bytes(kind: u32, members: u32) -> io::Result<u64> {
    let members = u64::from(members);
    Ok(match kind {
        1 | 14 | 17 => 4,                // int, variable, declaration tag
        2 | 7..=12 | 16 | 18 => 0,       // pointer, names, modifiers, function, float, type tag
        3 => 12,                         // array
        4 | 5 | 15 | 19 => 12 * members, // struct, union, data section, 64-bit enum
        13 => 8 * members,               // function prototype
        _ => return Err(invalid("a kind of type that is not known")),
    })
}

fn skip(from: &mut impl Read, bytes: u64) -> io::Result<()> {
    io::copy(&mut from.take(bytes), &mut io::sink()).map(drop)
}

fn words<const N: usize>(from: &mut impl Read) -> io::Result<[u32; N]> {
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)?;
        *word = u32::from_ne_bytes(bytes);
    }
    Ok(words)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn btf(types: &[u32], strings: &[u8]) -> tempfile::NamedTempFile {
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let lengths = [types.len(), strings.len()].map(|it| u32::try_from(it).expect("small"));
        let header = [MAGIC, 24, 0, lengths[0], lengths[0], lengths[1]];
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        for part in [
            header.iter().flat_map(|word| word.to_ne_bytes()).collect(),
            types,
            strings.to_vec(),
        ] {
            file.write_all(&part).expect("written");
        }
        file
    }

    #[test]
    fn enumerators_are_found_behind_types_of_other_kinds() {
        let strings = b"\0A_MIB\0OTHER\0B_MIB\0";
        let int = [0, 1 << 24, 4, 32];
        let anonymous = [0, 6 << 24 | 3, 4, 1, 7, 7, 8, 13, u32::MAX];
        let file = btf(&[&int[..], &anonymous].concat(), strings);
        let found = enumerators(file.path(), &["A_MIB", "B_MIB", "GONE"]).expect("readable");
        assert_eq!(found, HashMap::from([("A_MIB", 7), ("B_MIB", -1)]));
    }

    #[test]
    fn what_is_no_btf_is_an_error() {
        let file = btf(&[0, 31 << 24, 0], b"\0");
        assert!(enumerators(file.path(), &[]).is_err());
        assert!(enumerators(Path::new("/dev/null"), &[]).is_err());
    }
}
