//! The last step of a mail: to a mail server, into a folder, or to the standard error. Deliberately
//! no retry: the post keeps a mail until it was sent.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Attachment, Mailbox, MultiPart,
        header::{ContentType, MessageId},
    },
};
use platform::config::{Accounts, MailSink};
use uuid::Uuid;

use crate::{Error, domain::letter::Written};

/// Longest wait for a mail server's answer to each step.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends mail.
#[derive(Debug)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
    Stderr,
}

impl Mailer {
    /// A mailer by the settings; none where no mail is to be sent.
    ///
    /// # Errors
    /// Where the sender or the server's address is malformed.
    pub fn new(settings: &Accounts) -> Result<Option<Self>, Error> {
        let Some(sink) = &settings.mail else {
            return Ok(None);
        };
        let from = settings.mail_from.parse().map_err(|_| {
            Error::Mail(format!(
                "VALUTAI_MAIL_FROM is \"{}\", which is not like ValutAI <valutai@example.com>",
                settings.mail_from
            ))
        })?;
        let way = match sink {
            MailSink::Smtp(url) => {
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose());
                let server =
                    server.map_err(|error| Error::Mail(format!("VALUTAI_MAIL: {error}")))?;
                Way::Smtp(Box::new(server.timeout(Some(SMTP_TIMEOUT)).build()))
            }
            MailSink::Folder(dir) => Way::Folder(dir.clone()),
            MailSink::Stderr => Way::Stderr,
        };
        Ok(Some(Self { from, way }))
    }

    /// Sends a mail. The id becomes the message's, so that a mail sent twice can be told.
    ///
    /// # Errors
    /// `Mail` with what the server said.
    pub async fn send(&self, id: Uuid, written: Written) -> Result<(), Error> {
        let failed = |error: &dyn std::error::Error| Error::Mail(platform::error::chain(error));
        let mut plain = format!(
            "To: {}\nSubject: {}\n\n{}\n",
            written.to, written.subject, written.text
        );
        for file in &written.attachments {
            let bytes = file.content.len();
            plain.push_str(&format!("Attached: {} ({bytes} bytes)\n", file.name));
        }
        match &self.way {
            Way::Smtp(server) => {
                let to = written.to.parse().map_err(|_| {
                    Error::Mail("an address cannot be written to by mail".to_owned())
                })?;
                let host = self.from.email.domain();
                let mut body = MultiPart::alternative_plain_html(written.text, written.html);
                if !written.attachments.is_empty() {
                    body = MultiPart::mixed().multipart(body);
                }
                for file in written.attachments {
                    let kind = ContentType::parse(file.media_type);
                    let kind = kind.map_err(|error| failed(&error))?;
                    body = body.singlepart(Attachment::new(file.name).body(file.content, kind));
                }
                let message = Message::builder()
                    .from(self.from.clone())
                    .to(Mailbox::new(None, to))
                    .subject(written.subject)
                    .header(MessageId::from(format!("<{id}@{host}>")))
                    .multipart(body)
                    .map_err(|error| failed(&error))?;
                server.send(message).await.map_err(|error| failed(&error))?;
            }
            Way::Folder(dir) => write(dir, id, &plain).map_err(|error| failed(&error))?,
            Way::Stderr => eprintln!("--- mail ---\n{plain}------------"),
        }
        Ok(())
    }
}

/// Whole or not at all, and for its owner's eyes only.
fn write(dir: &PathBuf, id: Uuid, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let unfinished = dir.join(format!(".{id}"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, dir.join(format!("{id}.txt")))
}
