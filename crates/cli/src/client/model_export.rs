//! `valutai models export`: a model as one file. Deliberately no look into it: `valutai score` reads it.

use std::{io::Write as _, path::Path};

use proto::prediction::ExportModelRequest;

use super::Connection;
use crate::{
    error::{Error, Result},
    files::NewFile,
    text::count,
};

/// Writes the file of a model, whole or not at all, and answers its size in bytes.
///
/// # Errors
/// What the server refused it with, or where the file cannot be written.
pub async fn export(connection: &Connection, id: &str, out: &Path) -> Result<u64> {
    let request = ExportModelRequest {
        model_id: id.to_owned(),
    };
    let mut pieces = connection
        .prediction()
        .export_model(request)
        .await?
        .into_inner();
    let mut file = NewFile::create(out)?;
    let mut size = 0;
    while let Some(piece) = pieces.message().await? {
        file.write_all(&piece.chunk).map_err(Error::file(out))?;
        size += piece.chunk.len() as u64;
    }
    file.finish()?;
    Ok(size)
}

/// Runs `valutai models export`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(connection: &Connection, id: &str, out: &Path) -> Result<()> {
    let size = export(connection, id, out).await?;
    eprintln!("{} bytes written to {}", count(size), out.display());
    Ok(())
}
