//! Notes which stored quotes stand in a file just as they are. Deliberately nothing of the others, which
//! the import stores.

use platform::TenantTx;
use uuid::Uuid;

use super::Result;
use crate::{
    domain::{content::FileContent, plan::Plan},
    store,
};

/// Quotes that are confirmed at once.
const CONFIRMED_AT_ONCE: usize = 10_000;

/// Notes the quotes that stand in the file as they are stored, so that they outlive the import that
/// brought them.
pub async fn confirm_quotes(
    tx: &mut TenantTx,
    import: Uuid,
    plan: &Plan,
    content: &FileContent,
) -> Result<()> {
    for some in plan.confirmed.chunks(CONFIRMED_AT_ONCE) {
        let file_row = |row: usize| content.frame.rows.get(row).copied().unwrap_or_default();
        let confirmed: Vec<_> = some
            .iter()
            .map(|(row, id, day)| (*id, *day, i32::try_from(file_row(*row)).unwrap_or(i32::MAX)))
            .collect();
        store::insert_confirmed(tx, import, &confirmed).await?;
    }
    Ok(())
}
