//! Where the proc filesystem is mounted, and how one of its files is read.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// What one `read` asks for: most files of a namespace fit, and a buffer keeps it.
const CHUNK: usize = 16 * 1024;

/// A mounted proc filesystem, `/proc` unless another was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcFs {
    root: PathBuf,
}

impl Default for ProcFs {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/proc"),
        }
    }
}

impl ProcFs {
    /// The proc filesystem mounted at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `true` for the system's own `/proc`, where `self` is this process.
    pub fn is_own(&self) -> bool {
        self.root == Path::new("/proc")
    }

    /// A path below the root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Reads a whole file below the root.
    pub fn read(&self, below: &str) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        read_into(&self.path(below), &mut text)?;
        Ok(text)
    }

    /// The inode of a namespace link such as `1/ns/net`, from its text `net:[4026531840]`.
    ///
    /// The text is enough: following the link would open the namespace and keep it alive.
    pub fn namespace_inode(&self, below: &str) -> io::Result<u64> {
        let target = rustix::fs::readlink(self.path(below), Vec::new())?;
        inode_of_link(target.as_bytes()).ok_or_else(|| {
            let shown = String::from_utf8_lossy(target.as_bytes()).into_owned();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{below}: no inode in {shown:?}"),
            )
        })
    }
}

fn inode_of_link(target: &[u8]) -> Option<u64> {
    let open = memchr::memchr(b'[', target)?;
    super::decimal(target[open + 1..].strip_suffix(b"]")?)
}

/// Replaces the contents of `buffer` with the whole file at `path`.
pub fn read_into(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        buffer.reserve(CHUNK);
        match rustix::io::read(&file, rustix::buffer::spare_capacity(buffer)) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_stands_between_brackets() {
        assert_eq!(inode_of_link(b"net:[4026531840]"), Some(4_026_531_840));
        assert_eq!(inode_of_link(b"net:4026531840"), None);
        assert_eq!(inode_of_link(b"net:[]"), None);
        assert_eq!(inode_of_link(b""), None);
    }

    #[test]
    fn a_file_longer_than_a_chunk_is_read_whole() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = vec![b'x'; CHUNK * 3 + 7];
        std::fs::write(file.path(), &text).expect("writing it");
        let mut buffer = b"old".to_vec();
        read_into(file.path(), &mut buffer).expect("reading it");
        assert_eq!(buffer, text);
    }
}
