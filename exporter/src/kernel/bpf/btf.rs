//! The kernel's type information (Documentation/bpf/btf.rst), read as a stream: to keep all of it
//! would cost 10 MB.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use object::{Object, ObjectSection, ReadCache};

const MAGIC: u32 = 0xeb9f;

/// Kinds of types (`BTF_KIND_*`).
pub mod kind {
    pub const PTR: u32 = 2;
    pub const ENUM: u32 = 6;
    pub const TYPEDEF: u32 = 8;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
}

/// A file with type information.
#[derive(Debug)]
pub struct Btf {
    file: BufReader<File>,
    types: (u64, u32),
    strings: (u64, u32),
}

/// One type.
#[derive(Debug)]
pub struct Type<'a> {
    /// Where its name begins among the strings.
    pub name: u32,
    /// What kind it is.
    pub kind: u32,
    /// How many members or parameters it has.
    pub members: u32,
    /// Size of a type that has one, else the type it refers to.
    pub size_or_target: u32,
    /// What follows.
    extra: &'a [u8],
}

impl Type<'_> {
    /// Of an enum, where the name of each enumerator begins, and its value.
    pub fn enumerators(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |it| u32::from_ne_bytes(*it));
        let pairs = self.extra.chunks_exact(8).filter(|_| self.kind == kind::ENUM);
        pairs.map(move |pair| (word(pair), word(&pair[4..])))
    }
}

impl Btf {
    /// Opens a file of BTF, or an ELF file with a section of it.
    ///
    /// # Errors
    /// It cannot be read, or is not BTF of this machine's byte order.
    pub fn open(path: &Path) -> io::Result<Self> {
        let start = start(path)?;
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        file.seek(SeekFrom::Start(start))?;
        let [magic, base, types, types_length, strings, strings_length] = words(&mut file)?;
        if magic & 0xffff != MAGIC {
            return Err(invalid("not BTF of this byte order"));
        }
        let at = |offset: u32| start + u64::from(base) + u64::from(offset);
        Ok(Self {
            types: (at(types), types_length),
            strings: (at(strings), strings_length),
            file,
        })
    }

    /// Bytes of its strings. Those of a module follow those of the kernel.
    pub fn string_bytes(&self) -> u32 {
        self.strings.1
    }

    /// The wanted strings by where they begin, which is asked with them; the first one begins at
    /// `first`. Every string stands there once.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn strings_from(
        &mut self,
        first: u32,
        wanted: impl Fn(u32, &[u8]) -> bool,
    ) -> io::Result<HashMap<u32, String>> {
        self.file.seek(SeekFrom::Start(self.strings.0))?;
        let mut section = (&mut self.file).take(self.strings.1.into());
        let (mut at, mut text, mut found) = (first, Vec::new(), HashMap::new());
        loop {
            text.clear();
            let length = section.read_until(0, &mut text)?;
            if length == 0 {
                return Ok(found);
            }
            text.pop();
            if wanted(at, &text) {
                found.insert(at, String::from_utf8_lossy(&text).into_owned());
            }
            at += u32::try_from(length).map_err(io::Error::other)?;
        }
    }

    /// Hands over every type, in the order of their numbers.
    ///
    /// # Errors
    /// The file cannot be read, or has a kind of type that is not known.
    pub fn types(&mut self, mut each: impl FnMut(&Type<'_>)) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.types.0))?;
        let mut section = (&mut self.file).take(self.types.1.into());
        let mut extra = Vec::new();
        while section.limit() > 0 {
            let [name, info, size_or_target] = words(&mut section)?;
            let (kind, members) = (info >> 24 & 0x1f, info & 0xffff);
            extra.resize(extra_bytes(kind, members)?, 0);
            section.read_exact(&mut extra)?;
            each(&Type {
                name,
                kind,
                members,
                size_or_target,
                extra: &extra,
            });
        }
        Ok(())
    }
}

/// The value of each of `names` that the kernel has, from the BTF file at `path`. The MIB enums have
/// no name of their own, so CO-RE cannot relocate them.
///
/// # Errors
/// The file cannot be read, or is not BTF of this machine's byte order.
pub fn enumerators(path: &Path, names: &[&'static str]) -> io::Result<HashMap<&'static str, i32>> {
    let wanted: HashMap<&[u8], &'static str> = names.iter().map(|name| (name.as_bytes(), *name)).collect();
    let mut btf = Btf::open(path)?;
    let strings = btf.strings_from(0, |_, text| wanted.contains_key(text))?;
    let mut found = HashMap::new();
    btf.types(|of| {
        for (name, value) in of.enumerators() {
            let name = strings.get(&name).and_then(|name| wanted.get(name.as_bytes()));
            found.extend(name.map(|name| (*name, value.cast_signed())));
        }
    })?;
    Ok(found)
}

/// Where in a file BTF begins.
fn start(path: &Path) -> io::Result<u64> {
    const ELF: [u8; 4] = *b"\x7fELF";
    let mut file = File::open(path)?;
    let mut magic = [0; ELF.len()];
    file.read_exact(&mut magic)?;
    if magic != ELF {
        return Ok(0);
    }
    // A vmlinux with debug data is too large to be read as a whole.
    let cache = ReadCache::new(file);
    let elf = object::File::parse(&cache).map_err(io::Error::other)?;
    let section = elf.section_by_name(".BTF").and_then(|it| it.file_range());
    let (start, _) =
        section.ok_or_else(|| invalid("an ELF file without a section .BTF, which pahole -J adds"))?;
    Ok(start)
}

/// Bytes that follow the common part of a type.
fn extra_bytes(kind: u32, members: u32) -> io::Result<usize> {
    let members = members as usize;
    Ok(match kind {
        1 | 14 | 17 => 4,                // int, variable, declaration tag
        2 | 7..=12 | 16 | 18 => 0,       // pointer, names, modifiers, function, float, type tag
        3 => 12,                         // array
        4 | 5 | 15 | 19 => 12 * members, // struct, union, data section, 64-bit enum
        6 | 13 => 8 * members,           // enum, function prototype
        _ => return Err(invalid("a kind of type that is not known")),
    })
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
pub mod tests {
    use std::io::Write;

    use super::*;

    /// A file of these types and strings.
    pub fn btf(types: &[u32], strings: &[u8]) -> tempfile::NamedTempFile {
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
    fn a_section_of_an_elf_file_is_read_too() {
        let raw = btf(&[0, 6 << 24 | 1, 4, 1, 7], b"\0A_MIB\0");
        let content = std::fs::read(raw.path()).expect("readable");
        let architecture = object::Architecture::X86_64;
        let mut elf = object::write::Object::new(
            object::BinaryFormat::Elf,
            architecture,
            object::Endianness::Little,
        );
        let section = elf.add_section(Vec::new(), b".BTF".to_vec(), object::SectionKind::Other);
        elf.set_section_data(section, content, 8);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), elf.write().expect("written")).expect("written");
        let found = enumerators(file.path(), &["A_MIB"]).expect("readable");
        assert_eq!(found, HashMap::from([("A_MIB", 7)]));
        let own = std::env::current_exe().expect("this program");
        let error = enumerators(&own, &[]).expect_err("it has no such section");
        assert!(error.to_string().contains("pahole -J"), "{error}");
    }

    #[test]
    fn what_is_no_btf_is_an_error() {
        let file = btf(&[0, 31 << 24, 0], b"\0");
        assert!(enumerators(file.path(), &[]).is_err());
        assert!(enumerators(Path::new("/dev/null"), &[]).is_err());
    }
}
