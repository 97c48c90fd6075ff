//! Any bytes, read as a file and taken the whole way to the file of errors: nothing may panic, and
//! nothing may take more memory than the limits allow.
//!
//! Deliberately without an opinion on what comes out; the tests of the crate have it. On stable
//! Rust, from `crates/tabular`:
//!
//! ```text
//! mkdir -p fuzz/corpus/read && cp fuzz/seeds/read/* fuzz/corpus/read/
//! cargo fuzz run -s none read -- -max_total_time=600 -rss_limit_mb=1024 -max_len=16384
//! ```

#![no_main]

use std::sync::Once;

use chrono::NaiveDate;
use libfuzzer_sys::fuzz_target;
use tabular::{Field, Limits, Mapping, ReadOptions, Rules, Sheet, Stated};

/// The readers of Parquet and of old workbooks catch panics of the crates that they use. The fuzzer's
/// hook would end the program before; what nobody catches ends it all the same.
static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let limits = Limits {
        max_bytes: 1 << 20,
        max_rows: 2_000,
        max_columns: 60,
        max_cell_bytes: 4_096,
        max_expanded_bytes: 1 << 22,
        max_expansion_ratio: 100,
    };
    let options = ReadOptions {
        limits,
        ..ReadOptions::default()
    };
    if let Ok(sheet) = tabular::read(&bytes, &options) {
        all_the_way(&sheet);
    }
});

/// Profile, mapping, validation, preview and the files of errors of a sheet.
fn all_the_way(sheet: &Sheet) {
    let profiles = tabular::profile(sheet);
    let mapping = tabular::map(sheet, &profiles, &Stated::default())
        .or_else(|_| tabular::map(sheet, &profiles, &by_place(sheet)));
    let (Ok(mapping), Some(today)) = (mapping, NaiveDate::from_ymd_opt(2024, 6, 30)) else {
        return;
    };
    check(sheet, &profiles, &mapping, today);
}

/// The first columns as what every history needs, so that arbitrary tables get on.
fn by_place(sheet: &Sheet) -> Stated {
    let fields = [Field::Outcome, Field::Price, Field::Date];
    let named = fields.into_iter().zip(sheet.headers.iter().cloned());
    Stated {
        fields: named.collect(),
        ..Stated::default()
    }
}

fn check(sheet: &Sheet, profiles: &[tabular::Profile], mapping: &Mapping, today: NaiveDate) {
    let _asked = tabular::questions(mapping, profiles);
    let rules = Rules {
        today,
        leave_bad_rows_aside: true,
        allow_any_price: false,
        joins_history: false,
    };
    let result = tabular::validate(sheet, mapping, profiles, &rules);
    let listed = result.bad_rows.total() as usize + result.report.left_out_rows as usize;
    if let Some(frame) = &result.frame {
        assert_eq!(frame.len() + listed, sheet.row_count());
    }
    let _preview = tabular::preview(sheet, profiles, mapping, &result);
    let mut written = Vec::new();
    let csv = tabular::errors_file::csv(sheet, &result.bad_rows, &mut written);
    assert!(csv.is_ok(), "memory takes every byte");
    let _bytes = tabular::errors_file::xlsx(sheet, &result.bad_rows);
}
