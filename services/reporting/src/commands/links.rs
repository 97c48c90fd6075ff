//! Links to reports: made, opened, listed and revoked. A link shows nobody more than they may see signed in; it says which
//! report is meant, and until when. Deliberately no word on why a link does not open: that would tell what there is.

use chrono::{DateTime, TimeDelta, Utc};
use platform::{audit::Operation, crypto, page::Page};
use proto::{reporting::ReportFormat, rpc::Context};
use uuid::Uuid;

use super::{Commands, Read, Result};
use crate::{
    Error,
    store::{self, LinkRow},
};

/// Marks tokens of links, so that leaked ones can be found.
const TOKEN_PREFIX: &str = "vrl_";
/// How long a link holds where nobody says.
const USUAL_HOURS: u32 = 7 * 24;
/// How long one holds at the most.
const MOST_HOURS: u32 = 90 * 24;
/// How long links are listed after their end.
const LISTED: TimeDelta = TimeDelta::days(90);

/// The hours that a link is to hold: as asked, or a week.
pub(super) fn hours(asked: u32) -> Result<u32> {
    match asked {
        0 => Ok(USUAL_HOURS),
        hours if hours <= MOST_HOURS => Ok(hours),
        _ => Err(Error::LinkHours(MOST_HOURS)),
    }
}

/// A link that is not written yet, and its token.
pub(super) fn new_link(
    report_id: Uuid,
    created_by: Uuid,
    hours: u32,
    now: DateTime<Utc>,
) -> (LinkRow, String) {
    let link = LinkRow {
        id: Uuid::now_v7(),
        report_id,
        created_at: now,
        created_by,
        expires_at: now + TimeDelta::hours(hours.into()),
        revoked_at: None,
        openings: 0,
        last_opened_at: None,
    };
    (link, crypto::new_token(TOKEN_PREFIX))
}

impl Commands {
    /// Makes a link to a report; answers it with its token.
    pub async fn share(
        &self,
        context: &Context,
        report_id: Uuid,
        asked_hours: u32,
    ) -> Result<(LinkRow, String)> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let (hours, now) = (hours(asked_hours)?, self.clock.now());
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if store::find_report(&mut tx, report_id).await?.is_none() {
            return Err(Error::NoReport(report_id));
        }
        store::delete_ended_links(&mut tx, now - LISTED).await?;
        let (link, token) = new_link(report_id, caller.user_id, hours, now);
        store::insert_link(&mut tx, &link, &crypto::token_hash(&token)).await?;
        let operation = Operation::done("reporting.share_report", report_id)
            .changed("link", "", link.id)
            .changed("expires at", "", link.expires_at.to_rfc3339());
        tx.record(context, operation).await?;
        tx.commit().await?;
        Ok((link, token))
    }

    /// Opens a report by the token of a link.
    pub async fn open_link(
        &self,
        context: &Context,
        token: &str,
        include_html: bool,
        format: ReportFormat,
    ) -> Result<(LinkRow, Read)> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let hash = crypto::token_hash(token.trim());
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let link = store::update_link_opened(&mut tx, &hash, self.clock.now()).await?;
        let link = link.ok_or(Error::NoLink)?;
        let report = store::find_report(&mut tx, link.report_id).await?;
        let operation = Operation::done("reporting.open_report_link", link.id);
        tx.record(
            context,
            operation.changed("opened report", "", link.report_id),
        )
        .await?;
        tx.commit().await?;
        let report = report.ok_or(Error::NoLink)?;
        let read = self.read(caller, report, include_html, format).await?;
        Ok((link, read))
    }

    /// Links, newest first; of one report where one is named.
    pub async fn list_links(
        &self,
        context: &Context,
        report_id: Option<Uuid>,
        page: Page,
    ) -> Result<Vec<LinkRow>> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let links = store::list_links(&mut tx, report_id, page).await?;
        tx.commit().await?;
        Ok(links)
    }

    /// Ends a link.
    pub async fn revoke_link(&self, context: &Context, id: Uuid) -> Result<()> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if !store::update_link_revoked(&mut tx, id, self.clock.now()).await? {
            return Err(Error::UnknownLink(id));
        }
        tx.audit(context, "reporting.revoke_report_link", id)
            .await?;
        Ok(tx.commit().await?)
    }
}
