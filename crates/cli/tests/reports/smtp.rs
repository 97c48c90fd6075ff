//! A mail server of the test's own, which takes whatever comes in the words of RFC 5321. Deliberately no delivery.

use std::sync::{Arc, Mutex, PoisonError};

use platform::config::{MailSink, Secret};
use testkit::{TestResult, World, eventually};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The server with the mails that it took.
pub struct Smtp {
    taken: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Smtp {
    /// Starts a server, and has a world send its mail there.
    pub async fn start(world: &mut World) -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        world.launch.accounts.mail = Some(MailSink::Smtp(Secret::new(url)));
        world.launch.accounts.mail_from = "ValutAI <valutai@example.com>".to_owned();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, Arc::clone(&kept)));
            }
        });
        Ok(Self { taken, serving })
    }

    /// All mails to an address under a subject that begins so, as they came.
    pub fn mails(&self, name: &str, subject: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, subject) = (
            format!("\nTo: {name}@example.com\n"),
            format!("\nSubject: {subject}"),
        );
        taken
            .iter()
            .filter(|mail| mail.contains(&to) && mail.contains(&subject))
            .cloned()
            .collect()
    }

    /// Waits for a mail, and finds the word in it that begins with a mark.
    pub async fn word(&self, name: &str, subject: &str, mark: &str) -> TestResult<String> {
        eventually(&format!("mail to {name}: {subject}"), || async {
            Ok(!self.mails(name, subject).is_empty())
        })
        .await?;
        // Lines that quoted-printable has broken are made whole.
        let mails = self.mails(name, subject).into_iter();
        let mails: Vec<String> = mails.map(|mail| mail.replace("=\n", "")).collect();
        let mut words = mails.iter().flat_map(|mail| mail.split_whitespace());
        let word = words.find(|word| word.starts_with(mark));
        Ok(word.ok_or(format!("no {mark}: {mails:?}"))?.to_owned())
    }
}

async fn receive(stream: TcpStream, taken: Arc<Mutex<Vec<String>>>) -> TestResult {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await?;
    let mut mail: Option<String> = None;
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match (&mut mail, line.as_str()) {
            (Some(_), ".") => {
                let whole = mail.take().unwrap_or_default();
                let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
                taken.push(whole);
                b"250 ok\r\n"
            }
            (Some(content), text) => {
                content.push_str(text);
                content.push('\n');
                continue;
            }
            (None, "DATA") => {
                mail = Some("\n".to_owned());
                b"354 go on\r\n"
            }
            (None, "QUIT") => break,
            (None, _) => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok(())
}
