//! Handing scheduled reports to auth, which knows where members are written to and sends mail. What auth took it sends once to
//! each member, whatever is handed on twice. Deliberately without an address: users are named by id, also in what is noted.

use chrono::TimeDelta;
use platform::{audit::Operation, crypto, error::chain, wire::timestamp};
use proto::auth::{PostReportRequest, Recipient, ReportAttachment};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    Commands, Result,
    runs::{sealed_for, system, tell_failed},
    schedules::hindrance,
};
use crate::{
    Error,
    store::{self, DeliveryRow, ReportRow},
};

/// Longer than auth takes to answer; then another process hands it on.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// After this long nobody waits for it any more.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(1);
/// How long files are kept for auth, which gives a mail up a day after it took it.
const FILES_KEPT: TimeDelta = TimeDelta::days(2);
const LONGEST_PAUSE_SECONDS: i64 = 3600;
/// Reports that are looked up at once.
const AT_ONCE: i64 = 50;
/// Recipients that a note names.
const NAMED: usize = 10;
/// Sentences that are handed on; the letter has no room for more.
const SENTENCES: usize = 10;

impl Commands {
    /// Hands on all that is due.
    pub async fn post_due(&self) -> Result<()> {
        loop {
            let mut tx = self.database.begin_any().await?;
            let due = store::list_due_deliveries(&mut tx, self.clock.now(), AT_ONCE).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            if due.is_empty() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            for (tenant, report_id) in due {
                self.post(tenant, report_id).await?;
            }
        }
    }

    async fn post(&self, tenant: Uuid, report_id: Uuid) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.database.begin(tenant).await?;
        let taken = store::claim_delivery(&mut tx, report_id, now, now + LEASE).await?;
        let report = store::find_report(&mut tx, report_id).await?;
        let (Some(mut row), Some(report)) = (taken, report) else {
            return Ok(tx.commit().await?);
        };
        // Who has left the schedule since the report was begun wants no more.
        if let Some(schedule) = store::find_schedule(&mut tx, row.schedule_id).await? {
            row.recipients
                .retain(|user| schedule.recipients.contains(user));
        }
        tx.commit().await?;
        match self.hand_on(tenant, &row, report).await {
            Ok(recipients) => self.note_posted(tenant, &row, &recipients).await,
            Err(error) => self.note_unposted(tenant, &row, error).await,
        }
    }

    async fn hand_on(
        &self,
        tenant: Uuid,
        row: &DeliveryRow,
        report: ReportRow,
    ) -> Result<Vec<Recipient>> {
        let key = self.keys.data_key(tenant).await?;
        let sealed = row.token.as_deref().unwrap_or_default();
        let token = crypto::open(&key, &sealed_for(report.id), sealed, "the token of a link")?;
        let attachments = row.files.iter().map(|file| ReportAttachment {
            ending: file.ending.clone(),
            blob: Some(file.blob()),
        });
        let request = PostReportRequest {
            organization_id: tenant.to_string(),
            report_id: report.id.to_string(),
            user_ids: row.recipients.iter().map(Uuid::to_string).collect(),
            title: report.title,
            sentences: report.insights.0.into_iter().take(SENTENCES).collect(),
            token: String::from_utf8_lossy(&token).into_owned(),
            expires_at: Some(timestamp(row.link_expires_at)),
            attachments: attachments.collect(),
            version: u32::try_from(report.version).unwrap_or(u32::MAX),
            files_left_out: row.files_left_out,
            schedule_id: row.schedule_id.to_string(),
        };
        let answer = self.auth.post_report(&system(report.id), request).await;
        Ok(answer.map_err(platform::Error::from)?.recipients)
    }

    async fn note_posted(
        &self,
        tenant: Uuid,
        row: &DeliveryRow,
        recipients: &[Recipient],
    ) -> Result<()> {
        let hindered: Vec<String> = recipients.iter().filter_map(hindrance).collect();
        let mut note = hindered
            .iter()
            .take(NAMED)
            .map(|why| format!("No mail: {why}"))
            .collect::<Vec<_>>()
            .join(" ");
        if hindered.len() > NAMED {
            note = format!("{note} So it is with {} more.", hindered.len() - NAMED);
        }
        let mut tx = self.database.begin(tenant).await?;
        store::update_delivery_due(&mut tx, row.report_id, None).await?;
        store::update_schedule_mailed(&mut tx, row.schedule_id, row.report_id, &note).await?;
        let operation = Operation::done("reporting.mail_report", row.report_id).changed(
            "recipients",
            0,
            recipients.len() - hindered.len(),
        );
        tx.record(&system(row.report_id), operation).await?;
        Ok(tx.commit().await?)
    }

    async fn note_unposted(&self, tenant: Uuid, row: &DeliveryRow, error: Error) -> Result<()> {
        tracing::warn!(report = %row.report_id, error = %chain(&error), "a scheduled report was not handed on to be mailed");
        let status = Status::from(error);
        let now = self.clock.now();
        let is_final = now - row.created_at > GIVEN_UP_AFTER
            || matches!(
                status.code(),
                Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound
            );
        let mut tx = self.database.begin(tenant).await?;
        if is_final {
            let note = format!("The newest report was not mailed: {}", status.message());
            store::update_delivery_due(&mut tx, row.report_id, None).await?;
            store::update_schedule_mailed(&mut tx, row.schedule_id, row.report_id, &note).await?;
            tell_failed(&mut tx, row.schedule_id, &note).await?;
            let entity = row.report_id.to_string();
            let operation = Operation::ended("reporting.mail_report", &entity, status.code());
            tx.record(&system(row.report_id), operation).await?;
        } else {
            let pause = pause(row.tries);
            store::update_delivery_due(&mut tx, row.report_id, Some(now + pause)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Removes what was handed on long ago, with its files.
    pub async fn expire_deliveries(&self) -> Result<()> {
        let before = self.clock.now() - FILES_KEPT;
        loop {
            let mut tx = self.database.begin_any().await?;
            let old = store::list_old_deliveries(&mut tx, before, AT_ONCE).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            if old.is_empty() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            for (tenant, report_id) in old {
                let mut tx = self.database.begin(tenant).await?;
                let gone = store::delete_delivery(&mut tx, report_id).await?;
                // Before the commit: a row without files is found again, files without a row are not.
                for file in gone.iter().flat_map(|row| row.files.iter()) {
                    self.blobs.delete(tenant, &file.blob()).await?;
                }
                tx.commit().await?;
            }
        }
    }
}

/// 5 seconds after the first failure, then twice as long each time.
fn pause(tries: i32) -> TimeDelta {
    let doublings = u32::try_from(tries - 1).unwrap_or(0).min(10);
    TimeDelta::seconds((5_i64 << doublings).min(LONGEST_PAUSE_SECONDS))
}
