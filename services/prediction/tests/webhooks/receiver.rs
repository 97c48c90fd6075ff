//! An endpoint: a small HTTP server that remembers what came and answers what it is told to. Deliberately by hand, so that a test
//! can also leave a call without an answer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use testkit::{TestResult, eventually};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// What is answered: a status, and a line of the head.
type Answer = (u16, &'static str);

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    answers: VecDeque<Answer>,
    usual: Option<Answer>,
    at_once: usize,
    most_at_once: usize,
}

#[derive(Debug, Clone)]
pub struct Receiver {
    pub port: u16,
    state: Arc<Mutex<State>>,
    open: Arc<watch::Sender<bool>>,
}

impl Receiver {
    pub async fn start() -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let receiver = Self {
            port: listener.local_addr()?.port(),
            state: Arc::default(),
            open: Arc::new(watch::Sender::new(true)),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                tokio::spawn(async move {
                    // A client that goes away ends its connection, which is all that there is to say.
                    let _ = receiver.serve(stream).await;
                });
            }
        });
        Ok(receiver)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// What the next calls are answered; 204 after that.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().answers.extend(answers);
    }

    /// What every call is answered from now on.
    pub fn always(&self, answer: Answer) {
        self.lock().usual = Some(answer);
    }

    /// Whether calls are answered, or held.
    pub fn hold(&self, held: bool) {
        self.open.send_replace(!held);
    }

    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// Most calls that were open at once.
    pub fn most_at_once(&self) -> usize {
        self.lock().most_at_once
    }

    /// Waits until so many calls have come.
    pub async fn has(&self, count: usize) -> TestResult<Vec<Received>> {
        eventually("the endpoint was called", || async {
            Ok(self.received().len() >= count)
        })
        .await
        .map_err(|error| format!("{error}: {} of {count}", self.received().len()))?;
        let received = self.received();
        assert_eq!(received.len(), count, "{received:#?}");
        Ok(received)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> TestResult {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let (status, head) = {
            let mut state = self.lock();
            state.received.push(Received {
                path,
                headers,
                body: String::from_utf8(body)?,
            });
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            let usual = state.usual.unwrap_or((204, ""));
            state.answers.pop_front().unwrap_or(usual)
        };
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await?;
        self.lock().at_once -= 1;
        let text = if status == 204 { "" } else { "it is so" };
        let head = match head {
            "" => String::new(),
            head => format!("{head}\r\n"),
        };
        let answer = format!(
            "HTTP/1.1 {status} As Told\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        Ok(stream.shutdown().await?)
    }
}
