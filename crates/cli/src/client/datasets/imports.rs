//! `valutai datasets imports`, `undo` and `quarantined`: the files that a dataset was made of.
//! Deliberately no undo of an undo: the file can be imported again.

use proto::ingestion::{
    ImportState, ListImportsRequest, ListQuarantinedRowsRequest, UndoImportRequest,
    UndoImportResponse,
};

use super::{confirmed, import::wait_until_settled};
use crate::{
    args::{Global, PageArgs},
    client::{connect, present, show, tell_next_page},
    error::{Error, Result},
    output::{self, Format},
    progress,
    text::count,
};

pub(super) async fn run_list(dataset_id: String, page: PageArgs, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let of_one_dataset = !dataset_id.is_empty();
    let request = connection.request(ListImportsRequest {
        dataset_id,
        page_size: page.page_size,
        page_token: page.page_token,
    });
    let reply = connection
        .ingestion()
        .list_imports(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        show::imports(&reply.imports, of_one_dataset).print(out)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
}

pub(super) async fn run_undo(id: &str, yes: bool, global: &Global) -> Result<()> {
    let question = format!("Take import {id} back, and flag the models that learned from it?");
    if !yes && !confirmed(&question)? {
        return Err(Error::Failed("nothing was undone".to_owned()));
    }
    let connection = connect(global).await?;
    let request = connection.request(UndoImportRequest { id: id.to_owned() });
    let reply = connection
        .ingestion()
        .undo_import(request)
        .await?
        .into_inner();
    let mut import = present(reply.import, "import")?;
    if import.state() != ImportState::Undone {
        let bar = progress::of_share("undoing");
        let waited = wait_until_settled(&connection, id, &bar).await;
        bar.finish_and_clear();
        import = waited?;
    }
    if import.state() != ImportState::Undone {
        return Err(Error::Failed(format!(
            "import {id} was not undone: {}",
            import.problem
        )));
    }
    match global.output {
        Format::Json => output::line(&output::to_json(&UndoImportResponse {
            import: Some(import),
        })?),
        Format::Table => {
            let effect = import.effect.unwrap_or_default();
            output::line(&format!(
                "undone {id}: {} quotes are gone, {} are again what they were before",
                count(effect.created.into()),
                count(effect.updated.into())
            ))
        }
    }
}

pub(super) async fn run_quarantined(
    import_id: String,
    page: PageArgs,
    global: &Global,
) -> Result<()> {
    let connection = connect(global).await?;
    let request = connection.request(ListQuarantinedRowsRequest {
        import_id,
        page_size: page.page_size,
        page_token: page.page_token,
    });
    let reply = connection
        .ingestion()
        .list_quarantined_rows(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        show::quarantined(out, &reply.rows)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
}
