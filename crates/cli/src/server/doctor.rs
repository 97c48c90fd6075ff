//! `valutai doctor`: what is missing or misconfigured on this machine, and how to mend it.
//! Deliberately changes nothing.

use clap::Args;
use localservers::{Finding, inspect};
use platform::Config;
use serde_json::json;

use super::stack::ServerArgs;
use crate::{
    error::{Error, Result},
    output::{self, Format},
};

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
    /// Also check the settings that `valutai serve` reads from the environment
    #[arg(long)]
    pub serve: bool,
}

/// Runs `doctor`.
///
/// # Errors
/// Where something has to be mended.
pub fn run(args: &DoctorArgs, format: Format) -> Result<()> {
    let mut findings = inspect(&args.servers.options());
    if args.serve {
        findings.push(settings());
    }
    match format {
        Format::Json => output::line(&as_json(&findings))?,
        Format::Table => output::print(|out| {
            for finding in &findings {
                let mark = if finding.ok { "ok     " } else { "MISSING" };
                writeln!(out, "{mark}  {}: {}", finding.what, finding.detail)?;
                if let Some(remedy) = finding.remedy.as_ref().filter(|_| !finding.ok) {
                    writeln!(out, "         {remedy}")?;
                }
            }
            Ok(())
        })?,
    }
    let open = findings.iter().filter(|finding| !finding.ok).count();
    if open > 0 {
        return Err(Error::Failed(format!(
            "{open} of {} checks found something to mend",
            findings.len()
        )));
    }
    Ok(())
}

fn settings() -> Finding {
    let (ok, detail, remedy) = match Config::from_env() {
        Ok(config) => (true, format!("complete: {config:?}"), None),
        Err(error) => (
            false,
            error.to_string(),
            Some("set it for the service and run this again".to_owned()),
        ),
    };
    Finding {
        what: "settings for `valutai serve`".to_owned(),
        ok,
        detail,
        remedy,
    }
}

fn as_json(findings: &[Finding]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "what": finding.what,
                "ok": finding.ok,
                "detail": finding.detail,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({ "findings": rows }).to_string()
}
