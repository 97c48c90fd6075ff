//! Mail over SMTP, to a server of the test's own that refuses the first attempt.

use platform::config::{MailSink, Secret};
use testkit::{TestResult, eventually};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::support::Auth;

/// Takes one mail in the words of RFC 5321; the first `refusals` of them are put off.
async fn receive(stream: TcpStream, is_refused: bool) -> TestResult<Option<String>> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await?;
    let (mut content, mut in_data) = (String::new(), false);
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match (in_data, line.as_str()) {
            (true, ".") => {
                in_data = false;
                if is_refused {
                    b"451 try again later\r\n"
                } else {
                    b"250 ok\r\n"
                }
            }
            (true, text) => {
                content.push_str(text);
                content.push('\n');
                continue;
            }
            (false, "DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            (false, "QUIT") => break,
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok((!is_refused && !content.is_empty()).then_some(content))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_kept_until_the_server_takes_it() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("smtp://{}", listener.local_addr()?);
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await?;
            if let Some(mail) = receive(stream, number == 0).await? {
                sender.send(mail)?;
            }
        }
        Ok::<_, testkit::Failure>(())
    });
    let mut auth = Auth::start_with(|accounts| {
        accounts.mail = Some(MailSink::Smtp(Secret::new(url)));
        accounts.mail_from = "ValutAI <valutai@example.com>".to_owned();
    })
    .await?;
    auth.sign_up("ada").await?;
    let mut admin = auth.world.admin().await?;
    eventually("the first attempt was put off", || async {
        let mut admin = auth.world.admin().await?;
        let put_off: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM auth.mail WHERE attempts = 1 AND due_at > now() AND due_at < now() + interval '10 seconds')")
            .fetch_one(&mut admin)
            .await?;
        Ok(put_off)
    })
    .await?;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM auth.mail")
        .fetch_one(&mut admin)
        .await?;
    assert!(!String::from_utf8_lossy(&sealed).contains("ada@example.com"));
    sqlx::query("UPDATE auth.mail SET due_at = now()")
        .execute(&mut admin)
        .await?;
    let mail = received.recv().await.ok_or("the server ended")?;
    for part in [
        "To: ada@example.com",
        "From: ValutAI <valutai@example.com>",
        "Message-ID: <",
        "text/plain",
        "text/html",
        "valutai auth verify",
    ] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    auth.all_mail_sent().await?;
    auth.world.stop().await;
    server.abort();
    Ok(())
}
