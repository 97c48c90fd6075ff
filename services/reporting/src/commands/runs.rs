//! Running what is due: one process takes a schedule, generates its report, and ends the run in the transaction that keeps the
//! report; so there is one report for each time, whoever dies. Times that were missed are one run, because the next time is
//! planned from now. What fails is told. Deliberately in nobody's name: the trail says that the system did it.

use chrono::TimeDelta;
use platform::{
    Coded as _, TenantTx,
    audit::Operation,
    crypto,
    error::{Fate, chain},
};
use proto::{
    auth::Role,
    common::BlobRef,
    reporting::ReportScheduleFailed,
    rpc::{Caller, Context},
};
use sqlx::types::Json;
use tonic::Status;
use uuid::Uuid;

use super::{
    About, Commands, LARGEST_FILE, Result, files, links, schedules::format_of, times::Times,
};
use crate::{
    Error,
    store::{self, DeliveryRow, Ended, LinkRow, MailedFile, ReportRow, ScheduleRow},
};

/// Longer than any report takes; a run that has not ended by then is taken over.
const LEASE: TimeDelta = TimeDelta::minutes(15);
/// Attempts at a time of a schedule, where trying again may help.
const MOST_TRIES: i32 = 5;
/// Schedules that are looked up at once.
const AT_ONCE: i64 = 20;

/// A run of a schedule.
#[derive(Debug)]
pub struct Run {
    id: Uuid,
    schedule: ScheduleRow,
}

/// What is mailed of a report, before it is kept.
#[derive(Debug)]
pub(super) struct Mail {
    link: LinkRow,
    token: String,
    delivery: DeliveryRow,
}

/// What the token of a delivery is sealed for.
pub(super) fn sealed_for(report_id: Uuid) -> String {
    format!("report_delivery|token|{report_id}")
}

impl Commands {
    /// Runs all that is due.
    pub async fn run_due(&self) -> Result<()> {
        loop {
            let mut tx = self.database.begin_any().await?;
            let due = store::list_due_schedules(&mut tx, self.clock.now(), AT_ONCE).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            if due.is_empty() {
                return Ok(());
            }
            for (tenant, id) in due {
                if self.shutdown.is_cancelled() {
                    return Ok(());
                }
                self.run_schedule(tenant, id).await?;
            }
        }
    }

    async fn run_schedule(&self, tenant: Uuid, id: Uuid) -> Result<()> {
        let (run_id, now) = (Uuid::now_v7(), self.clock.now());
        let mut tx = self.database.begin(tenant).await?;
        let taken = store::claim_due_schedule(&mut tx, id, run_id, now, now + LEASE).await?;
        tx.commit().await?;
        let Some(schedule) = taken else {
            return Ok(());
        };
        let run = Run {
            id: run_id,
            schedule,
        };
        let ended = match run.schedule.tries > MOST_TRIES {
            true => Err(Error::BrokeOff),
            false => self.generate_scheduled(tenant, &run).await,
        };
        match ended {
            Ok(report) => {
                tracing::info!(schedule = %id, report = %report.id, "a scheduled report was generated");
                self.bells.mail.notify_one();
                Ok(())
            }
            Err(Error::RunTaken) => {
                tracing::info!(schedule = %id, "a scheduled report was thrown away: its schedule was paused, deleted or taken over");
                Ok(())
            }
            Err(error) => self.end_badly(tenant, &run, error).await,
        }
    }

    async fn generate_scheduled(&self, tenant: Uuid, run: &Run) -> Result<ReportRow> {
        let schedule = &run.schedule;
        let caller = Caller {
            user_id: schedule.created_by,
            tenant_id: tenant,
            role: Role::Analyst,
            session_id: Uuid::nil(),
        };
        let about = About::of(&schedule.kind, schedule.model_id, schedule.dataset_id)
            .ok_or_else(|| Error::Broken(format!("a schedule is about {}", schedule.kind)))?;
        let context = system(run.id);
        self.generate_for(&context, &caller, about, Some(run)).await
    }

    /// Notes why a run brought no report, and plans another attempt or the next time.
    async fn end_badly(&self, tenant: Uuid, run: &Run, error: Error) -> Result<()> {
        let (code, id, now) = (error.code(), run.schedule.id, self.clock.now());
        tracing::warn!(schedule = %id, error = %chain(&error), "a scheduled report was not generated");
        let may_help = matches!(code.fate(), Fate::Retry | Fate::Wait);
        let status = Status::from(error);
        let problem = status.message();
        let mut tx = self.database.begin(tenant).await?;
        if may_help && run.schedule.tries < MOST_TRIES {
            let pause = TimeDelta::minutes(1_i64 << run.schedule.tries.clamp(1, MOST_TRIES));
            store::update_schedule_put_off(&mut tx, id, run.id, now + pause, problem).await?;
            return Ok(tx.commit().await?);
        }
        let schedule = &run.schedule;
        let ended = Ended {
            id,
            run_id: run.id,
            now,
            next_at: Times::parse(&schedule.cron, &schedule.time_zone)?.next(now),
            report_id: None,
            problem,
        };
        if store::update_schedule_ended(&mut tx, &ended).await? {
            tell_failed(&mut tx, id, problem).await?;
            let operation = Operation::ended(
                "reporting.run_report_schedule",
                &id.to_string(),
                code.grpc(),
            );
            tx.record(&system(run.id), operation).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Makes what is to be mailed of a run's report; the blobs of its files are added to `made`.
    pub(super) async fn prepare_mail(
        &self,
        tenant: Uuid,
        run: &Run,
        report: &ReportRow,
        made: &mut Vec<BlobRef>,
    ) -> Result<Option<Mail>> {
        let schedule = &run.schedule;
        if schedule.recipients.is_empty() {
            return Ok(None);
        }
        let (mut attached, mut files_left_out) = (Vec::new(), false);
        for ending in &schedule.formats {
            let content = files::write(report, format_of(ending)).await?;
            if content.len() > LARGEST_FILE {
                files_left_out = true;
                continue;
            }
            let blob = self.blobs.put(tenant, "mailed", &content).await?;
            attached.push(MailedFile::new(ending, &blob));
            made.push(blob);
        }
        let hours = u32::try_from(schedule.link_hours).unwrap_or(0);
        let now = self.clock.now();
        let (link, token) = links::new_link(report.id, schedule.created_by, hours, now);
        let key = self.keys.data_key(tenant).await?;
        let sealed = crypto::seal(&key, &sealed_for(report.id), token.as_bytes());
        let delivery = DeliveryRow {
            report_id: report.id,
            schedule_id: schedule.id,
            recipients: schedule.recipients.clone(),
            token: Some(sealed),
            link_expires_at: link.expires_at,
            files: Json(attached),
            files_left_out,
            tries: 0,
            created_at: now,
        };
        Ok(Some(Mail {
            link,
            token,
            delivery,
        }))
    }

    /// Ends a run well, in the transaction that keeps its report.
    pub(super) async fn end_well(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        run: &Run,
        report_id: Uuid,
        mail: Option<&Mail>,
    ) -> Result<()> {
        let (schedule, now) = (&run.schedule, self.clock.now());
        let ended = Ended {
            id: schedule.id,
            run_id: run.id,
            now,
            next_at: Times::parse(&schedule.cron, &schedule.time_zone)?.next(now),
            report_id: Some(report_id),
            problem: "",
        };
        if !store::update_schedule_ended(tx, &ended).await? {
            return Err(Error::RunTaken);
        }
        if let Some(mail) = mail {
            store::insert_link(tx, &mail.link, &crypto::token_hash(&mail.token)).await?;
            store::insert_delivery(tx, &mail.delivery).await?;
        }
        let operation = Operation::done("reporting.run_report_schedule", schedule.id);
        Ok(tx
            .record(context, operation.changed("newest report", "", report_id))
            .await?)
    }
}

/// Who does what nobody asked for at this moment.
pub(super) fn system(run_id: Uuid) -> Context {
    Context::system(format!("schedule-{run_id}"))
}

/// Tells that a schedule brought no report, or no mail.
pub(super) async fn tell_failed(tx: &mut TenantTx, id: Uuid, reason: &str) -> Result<()> {
    let event = ReportScheduleFailed {
        schedule_id: id.to_string(),
        reason: reason.to_owned(),
    };
    Ok(tx.publish(&event).await?)
}
