//! Which file has the type information of the running kernel.

use std::path::{Path, PathBuf};

use super::BpfError;

/// Linux 5.4 and newer with `CONFIG_DEBUG_INFO_BTF`.
const KERNEL: &str = "/sys/kernel/btf/vmlinux";
/// Where others are looked for unless the configuration says where.
const DIRECTORIES: [&str; 2] = ["/etc/net-exporter/btf", "/boot"];

/// A file with type information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BtfFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is the kernel's own: typed programs hang on nothing else.
    pub is_of_kernel: bool,
}

impl BtfFile {
    /// That of the kernel, else one at `configured`, a file or a directory, else one where such
    /// files usually are.
    ///
    /// # Errors
    /// There is none.
    pub fn find(configured: Option<&Path>) -> Result<Self, BpfError> {
        Self::find_from(Path::new(KERNEL), configured)
    }

    fn find_from(kernel: &Path, configured: Option<&Path>) -> Result<Self, BpfError> {
        if kernel.exists() {
            return Ok(Self {
                path: kernel.to_owned(),
                is_of_kernel: true,
            });
        }
        let release = rustix::system::uname();
        let release = release.release().to_string_lossy();
        let candidates = match configured {
            Some(file) if !file.is_dir() => vec![file.to_owned()],
            Some(directory) => named_after(&release, directory).into(),
            None => {
                let directories = DIRECTORIES.iter();
                let files = directories.flat_map(|it| named_after(&release, Path::new(it)));
                files.collect()
            }
        };
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Ok(Self {
                path: path.clone(),
                is_of_kernel: false,
            }),
            None => Err(nowhere(&candidates)),
        }
    }
}

/// How distributions and collections of such files call them.
fn named_after(release: &str, directory: &Path) -> [PathBuf; 3] {
    [
        format!("vmlinux-{release}"),
        format!("vmlinux-{release}.btf"),
        format!("{release}.btf"),
    ]
    .map(|name| directory.join(name))
}

fn nowhere(candidates: &[PathBuf]) -> BpfError {
    let searched: Vec<String> = candidates.iter().map(|it| it.display().to_string()).collect();
    BpfError::NoBtfFile(searched.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_comes_before_what_is_configured() {
        let own = tempfile::NamedTempFile::new().expect("a file");
        let other = tempfile::NamedTempFile::new().expect("a file");
        let found = BtfFile::find_from(own.path(), Some(other.path())).expect("there");
        assert_eq!((found.path.as_path(), found.is_of_kernel), (own.path(), true));
    }

    #[test]
    fn without_it_a_file_or_one_in_a_directory_is_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let none = directory.path().join("none");
        let release = rustix::system::uname();
        let release = release.release().to_str().expect("a release");
        for name in named_after(release, directory.path()) {
            std::fs::write(&name, "").expect("written");
            for configured in [directory.path(), &name] {
                let found = BtfFile::find_from(&none, Some(configured)).expect("there");
                assert_eq!(
                    (found.path.as_path(), found.is_of_kernel),
                    (name.as_path(), false)
                );
            }
            std::fs::remove_file(&name).expect("removed");
        }
    }

    #[test]
    fn where_it_was_looked_for_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let none = directory.path().join("none");
        let other = directory.path().join("other");
        let words = BtfFile::find_from(&none, Some(&other))
            .expect_err("nowhere")
            .to_string();
        assert!(words.contains(&other.display().to_string()), "{words}");
        let words = BtfFile::find_from(&none, None).expect_err("nowhere").to_string();
        assert!(
            words.contains("/boot/vmlinux-") && words.contains("/etc/net-exporter/btf/"),
            "{words}"
        );
    }
}
