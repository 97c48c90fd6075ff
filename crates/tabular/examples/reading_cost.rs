//! What reading costs: prints time and peak memory of reading a file, or a made-up history.
//!
//! Deliberately no test: the figures depend on the machine. Run it in a release build:
//! `cargo run --release -p tabular --example reading_cost [FILE]`.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tabular::{ReadOptions, Source, read};

/// Rows of the made-up history.
const ROWS: u32 = 500_000;

/// A file that is opened anew for every pass.
struct File {
    path: PathBuf,
    bytes: u64,
}

impl Source for File {
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(std::fs::File::open(&self.path)?))
    }

    fn size_bytes(&self) -> u64 {
        self.bytes
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let path = match &given {
        Some(path) => path.clone(),
        None => {
            let path = std::env::temp_dir().join("tabular-reading-cost.csv");
            write_history(&path)?;
            path
        }
    };
    let bytes = std::fs::metadata(&path)?.len();
    let before = peak_memory_kib()?;
    let source = File { path, bytes };
    let start = Instant::now();
    let sheet = read(&source, &ReadOptions::default())?;
    println!(
        "{} bytes, {} rows x {} columns: {:?}, peak memory {} MiB (before {} MiB)",
        bytes,
        sheet.row_count(),
        sheet.columns.len(),
        start.elapsed(),
        peak_memory_kib()? / 1024,
        before / 1024
    );
    if given.is_none() {
        std::fs::remove_file(&source.path)?;
    }
    Ok(())
}

/// Twenty columns of about 240 bytes a row, three of them different in nearly every row.
fn write_history(path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let names: Vec<String> = (0..20).map(|column| format!("column_{column}")).collect();
    writeln!(file, "{}", names.join(","))?;
    for row in 0..ROWS {
        let mixed = row.wrapping_mul(2_654_435_761);
        write!(file, "Q-{row:08},{}.{:02},", mixed % 90_000, mixed % 100)?;
        write!(file, "{}.{:02}", mixed / 7 % 2_000_000, row % 100)?;
        for column in 3..20_u32 {
            let levels = [4, 12, 60, 300, 2_000, 15_000][column as usize % 6];
            write!(file, ",value {:06}", mixed.rotate_left(column) % levels)?;
        }
        writeln!(file)?;
    }
    file.flush()
}

/// Most memory this program ever held, in KiB; 0 where the system does not say.
fn peak_memory_kib() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(figure.and_then(|figure| figure.parse().ok()).unwrap_or(0))
}
