//! `valutai reports share`, `open` and `links`: links to reports. Deliberately no address of a page: a link is a command with
//! a token, as in every mail of this system, since whoever opens it is signed in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::reporting::{
    ListReportLinksRequest, OpenReportLinkRequest, ReportFormat, ReportLink,
    RevokeReportLinkRequest, ShareReportRequest,
};

use super::{Format, show};
use crate::{
    args::{Global, PageArgs},
    client::{Connection, present, tell_next_page},
    error::{Error, Result},
    files, output,
    table::{Table, print_facts},
    text::moment,
};

/// What a link's token begins with.
const TOKEN_PREFIX: &str = "vrl_";

/// Options of `valutai reports share`.
#[derive(Debug, Args)]
pub struct ShareArgs {
    /// Id of the report
    pub id: String,
    /// How long the link holds: hours or days, such as 12h or 7d, up to 90d
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = hours)]
    pub hours: u32,
}

/// Options of `valutai reports open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// The link as it was sent, or its token alone
    #[arg(required = true, num_args = 1..)]
    pub link: Vec<String>,
    /// Save the report as one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// In which format to save it
    #[arg(long, value_enum, requires = "file")]
    pub format: Option<Format>,
    /// The file to write in that format
    #[arg(short = 'f', long = "file", value_name = "FILE", requires = "format")]
    pub file: Option<PathBuf>,
}

/// Commands of `valutai reports links`.
#[derive(Debug, Subcommand)]
pub enum LinksCommand {
    /// List links to reports, newest first
    List {
        /// Only links to this report
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        report: String,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// End a link before its time
    Revoke {
        /// Id of the link
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Reads a length of time in hours.
pub(super) fn hours(text: &str) -> std::result::Result<u32, String> {
    let wrong = || format!("{text:?} is no time like 12h or 7d");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let hours = match unit {
        "h" => Some(number),
        "d" => number.checked_mul(24),
        _ => None,
    };
    hours.filter(|hours| *hours > 0).ok_or_else(wrong)
}

/// Makes a link.
pub(super) async fn share(connection: &Connection, global: &Global, args: ShareArgs) -> Result<()> {
    let request = connection.request(ShareReportRequest {
        report_id: args.id,
        hours: args.hours,
    });
    let reply = connection.reporting().share_report(request).await?;
    let reply = reply.into_inner();
    output::reply(global.output, &reply, |out| {
        let expires = reply.link.as_ref().and_then(|link| link.expires_at);
        print_facts(
            out,
            &[
                ("link", reply.id.clone()),
                ("expires", moment(expires.as_ref())),
            ],
        )?;
        // Whole on a line, so that it can be copied.
        writeln!(
            out,
            "for members of your organisation who are signed in, shown once:\nvalutai reports open {}",
            reply.token
        )
    })
}

/// Opens a link.
pub(super) async fn open(connection: &Connection, global: &Global, args: OpenArgs) -> Result<()> {
    let words = args.link.iter().flat_map(|part| part.split_whitespace());
    let token = words.rev().find(|word| word.starts_with(TOKEN_PREFIX));
    let token = token.ok_or_else(|| {
        Error::Failed(format!(
            "that is no link to a report: give the whole line that was sent, or the part that begins with {TOKEN_PREFIX}"
        ))
    })?;
    let format = args.format.map_or(ReportFormat::Unspecified, Into::into);
    let request = connection.request(OpenReportLinkRequest {
        token: token.to_owned(),
        include_html: args.html.is_some(),
        format: format.into(),
    });
    let reply = connection.reporting().open_report_link(request).await?;
    let reply = reply.into_inner();
    let report = present(reply.report.as_ref(), "report")?;
    for (path, content) in [
        (&args.html, reply.html.as_bytes()),
        (&args.file, reply.file.as_slice()),
    ] {
        if let Some(path) = path {
            files::write(path, content)?;
            eprintln!("the report was written to {}", path.display());
        }
    }
    output::reply(global.output, &reply, |out| show(out, report))
}

/// Runs a command of `valutai reports links`.
pub(super) async fn run(
    connection: &Connection,
    global: &Global,
    command: LinksCommand,
) -> Result<()> {
    match command {
        LinksCommand::List { report, page } => {
            let request = connection.request(ListReportLinksRequest {
                report_id: report,
                page_size: page.page_size,
                page_token: page.page_token,
            });
            let reply = connection.reporting().list_report_links(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| list(&reply.links).print(out))?;
            tell_next_page(&reply.next_page_token);
            Ok(())
        }
        LinksCommand::Revoke { id } => {
            let request = connection.request(RevokeReportLinkRequest { id });
            let reply = connection.reporting().revoke_report_link(request).await?;
            output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "the link opens nothing from now on")
            })
        }
    }
}

fn list(links: &[ReportLink]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("expires")
        .left("revoked")
        .right("opened")
        .left("report");
    for link in links {
        let revoked = link.revoked_at.as_ref();
        table.row([
            link.id.as_str(),
            &moment(link.expires_at.as_ref()),
            &revoked.map_or_else(String::new, |at| moment(Some(at))),
            &link.openings.to_string(),
            &link.report_id,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_hours_or_days() {
        assert_eq!(hours("12h"), Ok(12));
        assert_eq!(hours("7d"), Ok(168));
        for wrong in [
            "",
            "d",
            "7",
            "0h",
            "-1d",
            "7w",
            "1.5d",
            "999999999d",
            "7\u{e9}",
        ] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
