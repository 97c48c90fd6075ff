//! A file of predictions that is being written: beside the file that it is to become, with its key in
//! its name, so that a later call can go on with it. Deliberately in whole groups: what the server answered
//! together under a key is answered again together.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::quote_file::QuoteFile;
use crate::error::{Error, Result};

/// Rows that the server answers under one key.
pub const GROUP: u64 = 100;
const END: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct PartFile {
    out: PathBuf,
    part: PathBuf,
    /// Makes the calls for its rows the same calls when they are made again.
    pub key: String,
    /// Rows of the source that it has.
    pub rows: u64,
    writer: BufWriter<File>,
}

impl PartFile {
    /// A new one; `out` is what it is to become.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(out: &Path) -> Result<Self> {
        let key = uuid::Uuid::new_v4().simple().to_string();
        let part = out.with_file_name(format!("{}{key}{END}", first_part(out)?));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).open(&part);
        Ok(Self {
            out: out.to_owned(),
            writer: BufWriter::new(file.map_err(Error::file(&part))?),
            part,
            key,
            rows: 0,
        })
    }

    /// The one that an earlier call for `out` left behind, cut behind its last whole group. `source`
    /// is read over the rows that it has, and has to be what it was.
    ///
    /// # Errors
    /// Where there is none or several, or the source has changed.
    pub fn resume(out: &Path, source: &mut QuoteFile) -> Result<Self> {
        let (part, key) = find(out)?;
        let mut written = QuoteFile::open(&part)?;
        let end = source.header().line_end.len() as u64;
        let size = fs::metadata(&part).map_err(Error::file(&part))?.len();
        let line = |raw: &[u8]| raw.len() as u64 + end;
        let changed = || {
            let problem = format!(
                "the file has changed since: delete {} and begin anew",
                part.display()
            );
            Error::Misuse(problem)
        };
        if !written.header().raw.starts_with(&source.header().raw) {
            return Err(changed());
        }
        let (mut rows, mut position) = (0, line(&written.header().raw));
        let mut kept = (rows, position);
        // The last row may be half a row, which ends the reading in one way or another.
        while let Ok(Some(row)) = written.next_row() {
            position += line(&row.raw);
            if position > size {
                break;
            }
            let read = source.next_row()?.ok_or_else(changed)?;
            if !row.raw.starts_with(&read.raw) {
                return Err(changed());
            }
            rows += 1;
            if rows % GROUP == 0 {
                kept = (rows, position);
            }
        }
        let file = OpenOptions::new().append(true).open(&part);
        let file = file.map_err(Error::file(&part))?;
        file.set_len(kept.1).map_err(Error::file(&part))?;
        Ok(Self {
            out: out.to_owned(),
            part,
            key,
            rows: kept.0,
            writer: BufWriter::new(file),
        })
    }

    /// Counts a row that was written, and hands whole groups to the system.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn row_written(&mut self) -> io::Result<()> {
        self.rows += 1;
        match self.rows % GROUP {
            0 => self.writer.flush(),
            _ => Ok(()),
        }
    }

    /// Gives the file its name, after its content has reached the disk.
    ///
    /// # Errors
    /// Where the content or the name cannot be written.
    pub fn finish(self) -> Result<()> {
        self.writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.part, &self.out))
            .map_err(Error::file(&self.out))
    }

    /// Leaves it for a later call where that has something to go on with; answers how many rows.
    ///
    /// # Errors
    /// Where it cannot be written or removed.
    pub fn leave(mut self) -> Result<u64> {
        let rows = self.rows / GROUP * GROUP;
        let left = match rows {
            0 => fs::remove_file(&self.part),
            _ => self.writer.flush(),
        };
        left.map_err(Error::file(&self.part))?;
        Ok(rows)
    }
}

impl Write for PartFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// How the names of parts of a file begin.
fn first_part(out: &Path) -> Result<String> {
    let name = out
        .file_name()
        .ok_or_else(|| Error::Misuse(format!("{} does not name a file", out.display())))?;
    Ok(format!(".{}.", name.to_string_lossy()))
}

/// The one part of a file, and its key.
fn find(out: &Path) -> Result<(PathBuf, String)> {
    let first = first_part(out)?;
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let name = entry.map_err(Error::file(folder))?.file_name();
        let name = name.to_string_lossy();
        let key = name
            .strip_prefix(&first)
            .and_then(|rest| rest.strip_suffix(END))
            .filter(|key| uuid::Uuid::try_parse(key).is_ok());
        if let Some(key) = key {
            found.push((folder.join(&*name), key.to_owned()));
        }
    }
    match found.len() {
        0 => Err(Error::Misuse(format!(
            "there is nothing of {} to go on with: leave --resume out",
            out.display()
        ))),
        1 => Ok(found.remove(0)),
        several => Err(Error::Misuse(format!(
            "there are {several} unfinished files of {}, such as {}: delete all but one",
            out.display(),
            found[0].0.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "id,x";

    /// A source of so many rows, and what a broken call left of its output.
    fn folder(rows: usize, left: &str) -> (PathBuf, PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("valutai-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).expect("makes a folder");
        let source = folder.join("in.csv");
        let mut text = format!("{HEADER}\n");
        (0..rows).for_each(|row| text.push_str(&format!("{row},\"a\nb\"\n")));
        fs::write(&source, text).expect("writes");
        let out = folder.join("out.csv");
        let mut part = PartFile::create(&out).expect("makes");
        part.write_all(left.as_bytes()).expect("writes");
        part.flush().expect("writes");
        let path = part.part.clone();
        (source, out, path)
    }

    fn written(rows: usize) -> String {
        let mut text = format!("{HEADER},p\n");
        (0..rows).for_each(|row| text.push_str(&format!("{row},\"a\nb\",0.5\n")));
        text
    }

    #[test]
    fn a_broken_file_goes_on_behind_its_last_whole_group() {
        for (left, rows) in [
            (written(250), 200),
            (written(100), 100),
            // Half a row, also such as would look like a whole one.
            (written(200).trim_end().to_owned(), 100),
            (written(250).replace("249,\"a\nb\",0.5\n", "249,\"a"), 200),
            (written(3), 0),
        ] {
            let (source, out, path) = folder(300, &left);
            let mut source = QuoteFile::open(&source).expect("opens");
            let part = PartFile::resume(&out, &mut source).expect("goes on");
            assert_eq!(part.rows, rows as u64);
            assert!(path.to_string_lossy().contains(&part.key));
            assert_eq!(fs::read_to_string(&path).expect("reads"), written(rows));
            part.finish().expect("finishes");
            assert!(out.exists() && !path.exists());
            fs::remove_dir_all(out.parent().expect("a folder")).expect("cleans up");
        }
    }

    #[test]
    fn another_source_is_refused() {
        let (_, out, _) = folder(300, &written(250));
        let other = out.with_file_name("other.csv");
        fs::write(&other, written(300).replace("7,", "8,")).expect("writes");
        let mut source = QuoteFile::open(&other).expect("opens");
        let refused = PartFile::resume(&out, &mut source).expect_err("is another");
        assert!(refused.to_string().contains("has changed"), "{refused}");
        fs::remove_dir_all(out.parent().expect("a folder")).expect("cleans up");
    }
}
