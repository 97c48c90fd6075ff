//! Files that appear whole or not at all. Deliberately no format: what is written is the caller's.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// A file that takes its name only when [`NewFile::finish`] is reached; dropped before, it leaves
/// nothing behind and whatever had the name stays.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl NewFile {
    /// A new file with the rights that the system gives by default.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        Self::open(path, OpenOptions::new().write(true).create_new(true))
    }

    /// A new file that only its owner can read.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create_private(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::open(path, &options)
    }

    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let name = path
            .file_name()
            .ok_or_else(|| Error::Misuse(format!("{} does not name a file", path.display())))?;
        let id = uuid::Uuid::new_v4().simple();
        let temporary = path.with_file_name(format!(".{}.{id}.tmp", name.to_string_lossy()));
        let file = options.open(&temporary).map_err(Error::file(path))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            writer: Some(BufWriter::new(file)),
        })
    }

    /// Gives the file its name, after its content has reached the disk.
    ///
    /// # Errors
    /// Where the content or the name cannot be written.
    pub fn finish(mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let named = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.path));
        if named.is_err() {
            let _ = fs::remove_file(&self.temporary);
        }
        named.map_err(Error::file(&self.path))
    }
}

impl Write for NewFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Some(writer) => writer.write(buffer),
            None => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a whole file in one step.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(content).map_err(Error::file(path))?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("valutai-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).expect("makes a folder");
        let path = folder.join("f.csv");
        write(&path, b"old").expect("writes");
        let mut file = NewFile::create(&path).expect("opens");
        file.write_all(b"half").expect("writes");
        drop(file);
        assert_eq!(fs::read(&path).expect("reads"), b"old");
        write(&path, b"new").expect("writes");
        assert_eq!(fs::read(&path).expect("reads"), b"new");
        assert_eq!(fs::read_dir(&folder).expect("lists").count(), 1);
        fs::remove_dir_all(&folder).expect("cleans up");
    }
}
