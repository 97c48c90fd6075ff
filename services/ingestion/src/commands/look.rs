//! Looks at an uploaded file: its cells, what they mean, and what they change in a dataset. Deliberately
//! writes nothing; the upload, its preview and the import all look in this one way.

use std::{
    collections::HashMap,
    io::{self, Read},
    sync::{Arc, OnceLock},
};

use chrono::NaiveDate;
use platform::{
    Database,
    blobs::{Blobs, BlockingBlob},
    config::{Key, UploadLimits},
    crypto,
    error::chain,
    keys::KeyRing,
};
use proto::common::BlobRef;
use tabular::{ReadError, ReadOptions, Sheet, Source, Stated};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        content::{FileContent, Rows as _},
        inspect::{self, Inspection, Unreadable},
        meaning::storable,
        plan::{self, Known, Plan, Version},
        reading::{Blank, Reading},
        rows,
    },
    store::{self, KnownQuote},
};

type Result<T> = std::result::Result<T, Error>;

/// Identifiers looked up at once.
const REFS_AT_ONCE: usize = 5_000;

/// What is looked at, and how.
#[derive(Debug, Clone)]
pub struct Glance {
    pub tenant: Uuid,
    pub blob: BlobRef,
    pub reading: Reading,
    /// The dataset that the file is for; `None` for a new one.
    pub dataset_id: Option<Uuid>,
    /// Whether meanings of earlier files with the same header help.
    pub remember: bool,
    /// The day of the upload.
    pub today: NaiveDate,
}

/// What looking needs.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    pub database: &'a Database,
    pub blobs: &'a Blobs,
    pub keys: &'a KeyRing,
    pub limits: tabular::Limits,
}

/// A blob as a file; remembers what kept it from being read, which the parser only words.
struct File {
    blob: BlockingBlob,
    failure: Arc<OnceLock<io::ErrorKind>>,
}

/// A file being read.
struct Watched<R> {
    reader: R,
    failure: Arc<OnceLock<io::ErrorKind>>,
}

impl Source for File {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        let reader = self.blob.open().inspect_err(|error| {
            self.failure.get_or_init(|| error.kind());
        })?;
        let failure = Arc::clone(&self.failure);
        Ok(Box::new(Watched { reader, failure }))
    }

    fn size_bytes(&self) -> u64 {
        self.blob.size_bytes()
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).inspect_err(|error| {
            self.failure.get_or_init(|| error.kind());
        })
    }
}

/// The limits of files, as configured.
pub fn limits(uploads: &UploadLimits) -> tabular::Limits {
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let usual = tabular::Limits::default();
    tabular::Limits {
        max_bytes: size(uploads.max_bytes),
        max_rows: size(uploads.max_rows.into()),
        max_columns: size(uploads.max_columns.into()),
        max_cell_bytes: size(uploads.max_cell_bytes.into()),
        max_expansion_ratio: uploads.max_expansion,
        ..usual
    }
}

impl Eyes<'_> {
    /// Looks at a file; answers the problem that stops its reading altogether where there is one.
    pub async fn look(
        &self,
        glance: &Glance,
    ) -> Result<std::result::Result<Inspection, Unreadable>> {
        let sheet = match self.read(glance).await? {
            Ok(sheet) => sheet,
            Err(found) => return Ok(Err(found)),
        };
        let stated = self.stated(glance, &sheet).await?;
        let sheet = self.fill_blanks(glance, sheet, &stated).await?;
        let joins = self.joins_history(glance).await?;
        let (reading, today) = (glance.reading.clone(), glance.today);
        let inspect = move || inspect::inspect(sheet, &stated, &reading, joins, today);
        Ok(Ok(spawn_blocking(inspect).await.map_err(broken)?))
    }

    /// Whether the dataset has quotes enough already; every import left it with enough.
    async fn joins_history(&self, glance: &Glance) -> Result<bool> {
        let Some(dataset_id) = glance.dataset_id else {
            return Ok(false);
        };
        let mut tx = self.database.begin(glance.tenant).await?;
        let joins = store::has_quotes(&mut tx, dataset_id).await?;
        tx.commit().await?;
        Ok(joins)
    }

    async fn read(&self, glance: &Glance) -> Result<std::result::Result<Sheet, Unreadable>> {
        let failure = Arc::default();
        let file = File {
            blob: self.blobs.blocking(glance.tenant, &glance.blob).await?,
            failure: Arc::clone(&failure),
        };
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let options = ReadOptions {
            limits: self.limits,
            sheet: word(&glance.reading.sheet),
            encoding: word(&glance.reading.encoding),
            header_row: glance.reading.header_row,
            ..ReadOptions::default()
        };
        let read = spawn_blocking(move || tabular::read(&file, &options));
        let read = read.await.map_err(broken)?;
        let failure = failure.get();
        match read {
            Ok(sheet) => Ok(Ok(sheet)),
            Err(error) if failure.is_some_and(|kind| is_damage(*kind)) => {
                tracing::error!(error = %chain(&error), "a stored file is damaged");
                Err(Error::Damaged)
            }
            Err(ReadError::Source { detail }) => Err(Error::Storage(detail)),
            Err(error) => Ok(Err(inspect::unreadable(&error))),
        }
    }

    /// What was stated, and where it is wanted what the last file with this header meant.
    async fn stated(&self, glance: &Glance, sheet: &Sheet) -> Result<Stated> {
        // What is stated of columns that are not there is refused, and not forgiven as a memory is.
        let stated = glance.reading.stated();
        if !glance.remember || !is_about(sheet, &stated) {
            return Ok(stated);
        }
        let fingerprint = tabular::fingerprint(&sheet.headers);
        let mut tx = self.database.begin(glance.tenant).await?;
        let earlier = store::find_remembered(&mut tx, &fingerprint).await?;
        tx.commit().await?;
        Ok(match earlier {
            Some(earlier) => glance.reading.remembering(&earlier),
            None => stated,
        })
    }

    /// Gives the blank cells of known quotes the value they had, or the word "unknown".
    async fn fill_blanks(&self, glance: &Glance, sheet: Sheet, stated: &Stated) -> Result<Sheet> {
        let (Some(dataset_id), blank) = (glance.dataset_id, glance.reading.blank) else {
            return Ok(sheet);
        };
        if blank == Blank::Clear {
            return Ok(sheet);
        }
        let stated = stated.clone();
        let search = move || {
            let (_, mapping, missing) = inspect::map(&sheet, &stated);
            // What cannot be mapped is refused by the inspection, with sentences.
            let blanks = match missing.as_slice() {
                [] => inspect::blanks(&sheet, &mapping),
                _ => Vec::new(),
            };
            (sheet, blanks, mapping)
        };
        let (mut sheet, blanks, mapping) = spawn_blocking(search).await.map_err(broken)?;
        let mut tx = self.database.begin(glance.tenant).await?;
        let key = self.keys.data_key(glance.tenant).await?;
        let mut cells = Vec::new();
        for some in blanks.chunks(REFS_AT_ONCE) {
            let refs: Vec<String> = some.iter().map(|(_, name)| storable(name)).collect();
            let known = store::list_known_quotes(&mut tx, dataset_id, &refs, true).await?;
            let current = known.into_iter().filter(|quote| quote.is_current);
            let known: HashMap<String, KnownQuote> = current
                .map(|quote| (quote.quote_ref.clone(), quote))
                .collect();
            for (row, name) in some {
                let Some(quote) = known.get(&storable(name)) else {
                    continue;
                };
                let before = cells_of(glance.tenant, &key, quote)?;
                cells.extend(filled(&sheet, *row, &mapping, blank, &before));
            }
        }
        tx.commit().await?;
        let fill = move || {
            sheet.set_cells(cells);
            sheet
        };
        spawn_blocking(fill).await.map_err(broken)
    }

    /// What an import would do to the dataset.
    pub async fn plan(
        &self,
        tx: &mut platform::TenantTx,
        dataset_id: Option<Uuid>,
        reading: &Reading,
        content: FileContent,
    ) -> Result<(Plan, FileContent)> {
        let mut known = Known::new();
        if let Some(dataset_id) = dataset_id
            && store::has_quotes(tx, dataset_id).await?
        {
            let rows = content.frame.len();
            let refs: Vec<String> = (0..rows)
                .filter_map(|row| content.quote_ref(row).map(str::to_owned))
                .collect();
            for some in refs.chunks(REFS_AT_ONCE) {
                let quotes = store::list_known_quotes(tx, dataset_id, some, false).await?;
                for quote in quotes {
                    let version = Version {
                        id: quote.id,
                        quoted_on: quote.quoted_on,
                        revision: quote.revision.unwrap_or_default(),
                        fingerprint: quote.fingerprint,
                        is_current: quote.is_current,
                    };
                    known.entry(quote.quote_ref).or_default().push(version);
                }
            }
        }
        let mode = reading.mode;
        let planned = spawn_blocking(move || {
            let keys = (0..content.frame.len()).map(|row| {
                let revision = content.revision(row).unwrap_or_default();
                (content.quote_ref(row), revision)
            });
            let mut unwritable = None;
            let plan = plan::plan(keys, &known, mode, |row| {
                rows::fingerprint(&content, row).unwrap_or_else(|error| {
                    unwritable = Some(error);
                    plan::Fingerprint::default()
                })
            });
            match unwritable {
                Some(error) => Err(Error::from(error)),
                None => Ok((plan, content)),
            }
        });
        planned.await.map_err(broken)?
    }
}

/// Whether every column that something is stated of is in the sheet.
fn is_about(sheet: &Sheet, stated: &Stated) -> bool {
    let is_there = |column: &str| {
        let base = column.rsplit_once(':').map_or(column, |(base, _)| base);
        column == tabular::mapping::IMPORT_DATE
            || [column, base]
                .iter()
                .any(|name| sheet.column_index(name).is_some())
    };
    let fields = stated.fields.iter().map(|(_, column)| column);
    let formats = stated.formats.iter().map(|(column, _)| column);
    fields.chain(formats).all(|column| is_there(column))
}

/// Whether trying again is of no use.
fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::NotFound)
}

/// The cells of a stored quote by header, personal ones included.
fn cells_of(tenant: Uuid, key: &Key, quote: &KnownQuote) -> Result<HashMap<String, String>> {
    let raw = quote.raw.as_deref().unwrap_or("{}");
    let mut cells: HashMap<String, String> = serde_json::from_str(raw)?;
    if let Some(personal) = &quote.personal {
        let context = rows::personal_context(tenant, quote.id);
        let plain = crypto::open(key, &context, personal, "a personal column")?;
        cells.extend(serde_json::from_slice::<HashMap<String, String>>(&plain)?);
    }
    Ok(cells)
}

/// The blank cells of a row with what they stand for.
fn filled(
    sheet: &Sheet,
    row: usize,
    mapping: &tabular::Mapping,
    blank: Blank,
    before: &HashMap<String, String>,
) -> Vec<(usize, usize, String)> {
    let blanks =
        (0..sheet.headers.len()).filter(|column| sheet.cell(row, *column).trim().is_empty());
    let value = |column: usize| match blank {
        Blank::Keep => before.get(&storable(&sheet.headers[column])).cloned(),
        Blank::Unknown => mapping
            .columns
            .get(column)
            .filter(|column| column.field.is_name())
            .map(|_| "unknown".to_owned()),
        Blank::Clear => None,
    };
    blanks
        .filter_map(|column| Some((row, column, value(column)?)))
        .collect()
}

fn broken(error: tokio::task::JoinError) -> Error {
    Error::Broken(error.to_string())
}
