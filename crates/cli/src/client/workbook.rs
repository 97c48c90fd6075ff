//! Workbooks of quotes, read as at import and handed on as a CSV file, so that everything else reads one
//! kind of file. Numbers stay numbers, since a workbook does not write them with a comma or a point.
//! Deliberately whole in memory for a moment: a workbook cannot be read row by row.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use tabular::{Native, ReadOptions};

use crate::error::{Error, Result};

/// How archives begin, and old workbooks.
const STARTS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// The quotes of a workbook as a CSV file, which is removed when this is dropped.
#[derive(Debug)]
pub struct Workbook {
    /// The file.
    pub csv: PathBuf,
    /// Whether each column holds numbers.
    pub numeric: Vec<bool>,
}

impl Workbook {
    /// Reads a workbook; `None` where the file is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let mut start = Vec::new();
        File::open(path)
            .and_then(|file| file.take(4).read_to_end(&mut start))
            .map_err(Error::file(path))?;
        if !STARTS.contains(&start.as_slice()) {
            return Ok(None);
        }
        let bytes = fs::read(path).map_err(Error::file(path))?;
        let sheet = tabular::read(&bytes, &ReadOptions::default())
            .map_err(|error| Error::content(path, error.to_string()))?;
        let name = format!("valutai-{}.csv", uuid::Uuid::new_v4().simple());
        let workbook = Self {
            csv: std::env::temp_dir().join(name),
            numeric: sheet
                .columns
                .iter()
                .map(|column| column.native() == Native::Numbers)
                .collect(),
        };
        let unwritable = |error: csv::Error| Error::Failed(error.to_string());
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&workbook.csv);
        let mut writer = csv::Writer::from_writer(file.map_err(Error::file(&workbook.csv))?);
        writer.write_record(&sheet.headers).map_err(unwritable)?;
        for row in 0..sheet.row_count() {
            let cells = sheet.record(row).map(|(_, cell)| cell);
            writer.write_record(cells).map_err(unwritable)?;
        }
        writer.flush().map_err(Error::file(&workbook.csv))?;
        Ok(Some(workbook))
    }
}

impl Drop for Workbook {
    fn drop(&mut self) {
        // Fails only where it was never made.
        let _ = fs::remove_file(&self.csv);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_workbook_stay_numbers() {
        let path = std::env::temp_dir().join(format!("valutai-{}.xlsx", uuid::Uuid::new_v4()));
        let mut made = rust_xlsxwriter::Workbook::new();
        let sheet = made.add_worksheet();
        for (column, name) in ["quote_id", "region", "price"].iter().enumerate() {
            let column = u16::try_from(column).expect("few");
            sheet.write(0, column, *name).expect("writes");
        }
        for row in 1..=3_u32 {
            sheet.write(row, 0, format!("Q{row}")).expect("writes");
            sheet.write(row, 1, "West, \"far\"").expect("writes");
            sheet
                .write(row, 2, 1000.5 + f64::from(row))
                .expect("writes");
        }
        made.save(&path).expect("saves");
        let workbook = Workbook::open(&path).expect("reads").expect("is one");
        assert_eq!(workbook.numeric, [false, false, true]);
        let text = fs::read_to_string(&workbook.csv).expect("reads");
        assert!(
            text.starts_with("quote_id,region,price\nQ1,\"West, \"\"far\"\"\",1001.5\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 4);
        let csv = workbook.csv.clone();
        drop(workbook);
        assert!(!csv.exists(), "quotes must not stay behind");
        fs::write(&path, "a,b\n1,2\n").expect("writes");
        assert!(Workbook::open(&path).expect("reads").is_none());
        fs::remove_file(&path).expect("cleans up");
    }
}
