//! Schedules of reports as people change them: made, listed, paused, resumed, deleted. Deliberately no running: that is `runs`.

use platform::{audit::Operation, page::parse_id};
use proto::{
    auth::{FindRecipientsRequest, Recipient, RecipientState},
    reporting::ReportFormat,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{
    About, Commands, Result, links,
    times::{Times, zone_name},
};
use crate::{
    Error,
    store::{self, ScheduleRow},
};

/// Schedules of an organisation at most.
const MOST_SCHEDULES: i64 = 50;
/// Recipients of a schedule at most.
const MOST_RECIPIENTS: usize = 50;

/// A schedule that is asked for.
#[derive(Debug)]
pub struct Wish {
    pub about: About,
    pub cron: String,
    pub time_zone: String,
    pub recipients: Vec<Uuid>,
    pub formats: Vec<ReportFormat>,
    pub link_hours: u32,
}

/// The ending of a file that may be attached to a mail.
fn ending(format: ReportFormat) -> Result<&'static str> {
    match format {
        ReportFormat::Csv => Ok("csv"),
        ReportFormat::Xlsx => Ok("xlsx"),
        ReportFormat::Pdf => Ok("pdf"),
        ReportFormat::Unspecified | ReportFormat::Json | ReportFormat::Html => {
            Err(Error::AttachedFormat)
        }
    }
}

/// The format of an ending.
pub fn format_of(ending: &str) -> ReportFormat {
    match ending {
        "csv" => ReportFormat::Csv,
        "xlsx" => ReportFormat::Xlsx,
        "pdf" => ReportFormat::Pdf,
        _ => ReportFormat::Unspecified,
    }
}

/// Why somebody cannot be written to, in a sentence that names no address; nothing of somebody who can.
pub(super) fn hindrance(recipient: &Recipient) -> Option<String> {
    let id = &recipient.user_id;
    match recipient.state() {
        RecipientState::Ready => None,
        RecipientState::NoMember => Some(format!("{id} is no member of the organisation.")),
        RecipientState::Unconfirmed => {
            Some(format!("The e-mail address of {id} is not confirmed."))
        }
        RecipientState::Unspecified => Some(format!("Nothing is known of {id}.")),
    }
}

impl Commands {
    /// Makes a schedule.
    pub async fn create_schedule(&self, context: &Context, wish: Wish) -> Result<ScheduleRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let now = self.clock.now();
        let next_at = Times::parse(&wish.cron, &wish.time_zone)?.first(now)?;
        let mut formats = Vec::new();
        for format in wish.formats {
            formats.push(ending(format)?.to_owned());
        }
        formats.sort_unstable();
        formats.dedup();
        let mut recipients = wish.recipients;
        recipients.sort_unstable();
        recipients.dedup();
        if recipients.len() > MOST_RECIPIENTS {
            return Err(Error::Recipients(MOST_RECIPIENTS));
        }
        let hours = links::hours(wish.link_hours)?;
        self.require_known(context, caller, wish.about).await?;
        self.require_recipients(caller, &recipients).await?;
        let (kind, model_id, dataset_id) = wish.about.parts();
        let row = ScheduleRow {
            id: Uuid::now_v7(),
            kind: kind.to_owned(),
            model_id,
            dataset_id,
            formats,
            recipients,
            cron: wish.cron.split_whitespace().collect::<Vec<_>>().join(" "),
            time_zone: zone_name(&wish.time_zone).to_owned(),
            link_hours: i32::try_from(hours).unwrap_or(i32::MAX),
            next_at: Some(next_at),
            tries: 0,
            last_run_at: None,
            last_report_id: None,
            problem: String::new(),
            mail_note: String::new(),
            created_at: now,
            created_by: caller.user_id,
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if store::count_schedules(&mut tx).await? >= MOST_SCHEDULES {
            return Err(Error::Schedules(MOST_SCHEDULES));
        }
        store::insert_schedule(&mut tx, &row).await?;
        let operation = Operation::done("reporting.create_report_schedule", row.id)
            .changed("cron", "", &row.cron)
            .changed("time zone", "", &row.time_zone)
            .changed("recipients", 0, row.recipients.len());
        tx.record(context, operation).await?;
        tx.commit().await?;
        self.bells.schedules.notify_one();
        Ok(row)
    }

    /// All schedules of the organisation.
    pub async fn list_schedules(&self, context: &Context) -> Result<Vec<ScheduleRow>> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let rows = store::list_schedules(&mut tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Has a schedule rest. A report that is being generated for it is thrown away.
    pub async fn pause_schedule(&self, context: &Context, id: Uuid) -> Result<ScheduleRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::claim_schedule(&mut tx, id).await?;
        let mut row = found.ok_or(Error::UnknownSchedule(id))?;
        if row.next_at.is_some() {
            store::update_schedule_next(&mut tx, id, None).await?;
            let operation = Operation::done("reporting.pause_report_schedule", id);
            tx.record(context, operation.changed("state", "active", "paused"))
                .await?;
            row.next_at = None;
        }
        tx.commit().await?;
        Ok(row)
    }

    /// Has a schedule go on with its next time.
    pub async fn resume_schedule(&self, context: &Context, id: Uuid) -> Result<ScheduleRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::claim_schedule(&mut tx, id).await?;
        let mut row = found.ok_or(Error::UnknownSchedule(id))?;
        if row.next_at.is_none() {
            let times = Times::parse(&row.cron, &row.time_zone)?;
            row.next_at = Some(times.first(self.clock.now())?);
            store::update_schedule_next(&mut tx, id, row.next_at).await?;
            let operation = Operation::done("reporting.resume_report_schedule", id);
            tx.record(context, operation.changed("state", "paused", "active"))
                .await?;
        }
        tx.commit().await?;
        self.bells.schedules.notify_one();
        Ok(row)
    }

    /// Takes the caller out of the recipients of a schedule. Others who ask learn nothing of it.
    pub async fn leave_schedule(&self, context: &Context, id: Uuid) -> Result<()> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let left = store::update_schedule_left(&mut tx, id, caller.user_id).await?;
        let left = left.ok_or(Error::NoRecipient(id))?;
        let operation = Operation::done("reporting.leave_report_schedule", id);
        tx.record(context, operation.changed("recipients", left + 1, left))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a schedule.
    pub async fn delete_schedule(&self, context: &Context, id: Uuid) -> Result<()> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if !store::delete_schedule(&mut tx, id).await? {
            return Err(Error::UnknownSchedule(id));
        }
        tx.audit(context, "reporting.delete_report_schedule", id)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Refuses what reports cannot be about.
    async fn require_known(&self, context: &Context, caller: &Caller, about: About) -> Result<()> {
        let (_, model_id, dataset_id) = about.parts();
        if let Some(id) = dataset_id {
            self.known_dataset(context, caller, id).await?;
        }
        if let Some(id) = model_id {
            self.known_model(context, caller, id).await?;
        }
        Ok(())
    }

    /// Refuses recipients who cannot be written to.
    async fn require_recipients(&self, caller: &Caller, recipients: &[Uuid]) -> Result<()> {
        if recipients.is_empty() {
            return Ok(());
        }
        let request = FindRecipientsRequest {
            organization_id: caller.tenant_id.to_string(),
            user_ids: recipients.iter().map(Uuid::to_string).collect(),
        };
        let context = Context::system("recipients");
        let found = self.auth.find_recipients(&context, request).await;
        let found = found.map_err(platform::Error::from)?.recipients;
        for id in recipients {
            let known = found.iter().find(|recipient| {
                parse_id("user_id", &recipient.user_id).is_ok_and(|found| found == *id)
            });
            let unknown = Recipient {
                user_id: id.to_string(),
                ..Recipient::default()
            };
            if let Some(why) = hindrance(known.unwrap_or(&unknown)) {
                return Err(Error::Recipient(why));
            }
        }
        Ok(())
    }
}
