//! A client of NATS that says what it is told to, as no library would: any subject, any reply subject. Deliberately blocking: the
//! server answers in the order in which it was asked.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use testkit::TestResult;

/// Longest wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub subject: String,
    pub reply: String,
    /// Headers as they came, the status in the first line.
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    /// Whether JetStream says something in place of a message: "404 No Messages".
    pub fn status(&self) -> Option<&str> {
        let line = self.head.lines().next()?;
        line.strip_prefix("NATS/1.0")
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    came: Vec<Message>,
    asked: usize,
    inbox: String,
}

impl Client {
    /// Connects to an address such as nats://USER:PASSWORD@HOST; an error where it is refused.
    pub fn connect(url: &str) -> TestResult<Self> {
        let bare = url.strip_prefix("nats://").ok_or("no address of NATS")?;
        let (who, address) = bare.rsplit_once('@').ok_or("no user")?;
        let (user, password) = who.split_once(':').ok_or("no password")?;
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self {
            lines: BufReader::new(stream.try_clone()?),
            stream,
            came: Vec::new(),
            asked: 0,
            inbox: format!("_INBOX_{user}.x"),
        };
        client.line()?;
        let login = serde_json::json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "lang": "test", "version": "1",
            "protocol": 1, "user": user, "pass": password,
        });
        let refused = client.ask(&format!("CONNECT {login}"))?;
        match refused.first() {
            Some(line) => Err(line.clone().into()),
            None => Ok(client),
        }
    }

    /// What the server refuses a command with, before it answers the ping behind it.
    pub fn ask(&mut self, command: &str) -> TestResult<Vec<String>> {
        write!(self.stream, "{command}\r\nPING\r\n")?;
        let mut refused = Vec::new();
        loop {
            match self.line()?.as_str() {
                "PONG" => return Ok(refused),
                "" => {
                    refused.push("the server hung up".to_owned());
                    return Ok(refused);
                }
                line if line.starts_with("-ERR") => refused.push(line.to_owned()),
                line => self.take(line)?,
            }
        }
    }

    /// Whether a subject may be heard.
    pub fn may_hear(&mut self, subject: &str) -> TestResult<bool> {
        self.asked += 1;
        let number = self.asked;
        let refused = self.ask(&format!("SUB {subject} {number}"))?;
        self.judged(subject, &refused)
    }

    /// Whether something may be said.
    pub fn may_say(&mut self, subject: &str, reply: &str, body: &str) -> TestResult<bool> {
        let refused = self.ask(&format!("PUB {subject} {reply} {}\r\n{body}", body.len()))?;
        self.judged(subject, &refused)
    }

    fn judged(&self, subject: &str, refused: &[String]) -> TestResult<bool> {
        match refused {
            [] => Ok(true),
            [line] if line.starts_with("-ERR 'Permissions Violation") => Ok(false),
            other => Err(format!("{subject}: {other:?}").into()),
        }
    }

    /// Asks something and waits for the first answer.
    pub fn request(&mut self, subject: &str, body: &str) -> TestResult<Message> {
        Ok(self.request_many(subject, body, |_| true)?.remove(0))
    }

    /// Asks something and waits for answers up to the one that is the last.
    pub fn request_many(
        &mut self,
        subject: &str,
        body: &str,
        is_last: impl Fn(&Message) -> bool,
    ) -> TestResult<Vec<Message>> {
        self.asked += 1;
        let (number, inbox) = (self.asked, format!("{}.{}", self.inbox, self.asked));
        let command = format!(
            "SUB {inbox} {number}\r\nPUB {subject} {inbox} {}\r\n{body}",
            body.len()
        );
        let refused = self.ask(&command)?;
        if !refused.is_empty() {
            return Err(format!("{subject}: {refused:?}").into());
        }
        let mut answers = self.messages_until(number, is_last)?;
        answers.retain(|message| message.status() != Some("100 Idle Heartbeat"));
        Ok(answers)
    }

    /// Takes up to so many messages of a reader, acknowledges them, and answers them.
    pub fn read(&mut self, stream: &str, consumer: &str, count: usize) -> TestResult<Vec<Message>> {
        let subject = format!("$JS.valutai.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let body = format!("{{\"batch\":{count},\"expires\":10000000000}}");
        let left = std::cell::Cell::new(count);
        let answers = self.request_many(&subject, &body, |message| {
            left.set(left.get() - 1);
            left.get() == 0 || message.status().is_some()
        })?;
        for message in answers.iter().filter(|message| message.status().is_none()) {
            self.request(&message.reply, "+ACK")?;
        }
        Ok(answers)
    }

    fn messages_until(
        &mut self,
        number: usize,
        is_last: impl Fn(&Message) -> bool,
    ) -> TestResult<Vec<Message>> {
        let mine = format!("{}.{number}", self.inbox);
        let mut found = Vec::new();
        loop {
            while let Some(at) = self
                .came
                .iter()
                .position(|m| m.head.contains(&mine) || m.subject == mine)
            {
                let mut message = self.came.remove(at);
                message.head = message.head.replace(&format!("{mine}\n"), "");
                let is_end = is_last(&message);
                found.push(message);
                if is_end {
                    return Ok(found);
                }
            }
            let line = self.line()?;
            if line.is_empty() {
                return Err("the server hung up".into());
            }
            self.take(&line)?;
        }
    }

    /// What came by subscriptions that nobody waited for.
    pub fn others(&mut self) -> TestResult<Vec<Message>> {
        self.ask("PING")?;
        self.line()?;
        Ok(std::mem::take(&mut self.came))
    }

    fn take(&mut self, line: &str) -> TestResult {
        if line == "PING" {
            write!(self.stream, "PONG\r\n")?;
            return Ok(());
        }
        let words: Vec<&str> = line.split(' ').collect();
        let (head_bytes, total, fixed) = match words[0] {
            "MSG" => (0, words.last().ok_or("no size")?.parse()?, 4),
            "HMSG" => (
                words[words.len() - 2].parse()?,
                words.last().ok_or("no size")?.parse::<usize>()?,
                5,
            ),
            // Changes of the server's own, such as its limits.
            _ => return Ok(()),
        };
        let mut body = vec![0; total + 2];
        self.lines.read_exact(&mut body)?;
        body.truncate(total);
        let head = String::from_utf8_lossy(&body[..head_bytes]).into_owned();
        // Which question it answers: messages of a stream come under the stream's own subject.
        let number: usize = words[2].parse()?;
        self.came.push(Message {
            subject: words[1].to_owned(),
            reply: match words.len() > fixed {
                true => words[3].to_owned(),
                false => String::new(),
            },
            head: format!("{head}{}.{number}\n", self.inbox),
            body: body.split_off(head_bytes),
        });
        Ok(())
    }

    fn line(&mut self) -> TestResult<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(_) => Ok(line.trim_end().to_owned()),
            // Whoever is refused may find the connection closed before all was read.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }
}
