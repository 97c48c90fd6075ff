//! A real OpenID provider for tests, `oidc-provider` under Node, and a browser that goes there and back. Both
//! are missing where Node or npm are, and whoever asks is told so. Deliberately no forged answer here: what is
//! forged is forged by the provider's script, which has its keys.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use uuid::Uuid;

use crate::TestResult;

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../openid/package.json")),
    (
        "package-lock.json",
        include_str!("../openid/package-lock.json"),
    ),
    ("provider.mjs", include_str!("../openid/provider.mjs")),
];
/// More steps than a sign-in has.
const MOST_REDIRECTS: usize = 20;

/// A provider at work; it ends with this value.
#[derive(Debug)]
pub struct OpenIdProvider {
    /// Its issuer, an address of this machine.
    pub issuer: String,
    /// What it knows its one client by.
    pub client_id: String,
    /// The secret of that client.
    pub client_secret: String,
    issued: Arc<Mutex<Vec<Value>>>,
    process: Child,
}

impl OpenIdProvider {
    /// Starts one; `None` where there is no Node or no npm.
    ///
    /// # Errors
    /// Where it cannot be installed or does not start.
    pub async fn start() -> TestResult<Option<Self>> {
        tokio::task::spawn_blocking(Self::start_here).await?
    }

    fn start_here() -> TestResult<Option<Self>> {
        let works = |program: &str| {
            let outcome = Command::new(program).arg("--version").output();
            outcome.is_ok_and(|output| output.status.success())
        };
        if !works("node") || !works("npm") {
            eprintln!("SKIPPED: tests with a real OpenID provider need Node 20 and npm");
            return Ok(None);
        }
        let folder = installed()?;
        let (client_id, client_secret) = ("valutai-test".to_owned(), Uuid::new_v4().to_string());
        let mut process = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .args([&client_id, &client_secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("it has no output")?;
        let mut lines = BufReader::new(output);
        let mut first = String::new();
        lines.read_line(&mut first)?;
        let first: Value = serde_json::from_str(&first)?;
        let issuer = first["issuer"].as_str().ok_or("it named no issuer")?;
        let issued = Arc::default();
        listen(lines, Arc::clone(&issued));
        Ok(Some(Self {
            issuer: issuer.to_owned(),
            client_id,
            client_secret,
            issued,
            process,
        }))
    }

    /// The answers of its token endpoint until now.
    #[must_use]
    pub fn issued(&self) -> Vec<Value> {
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends all that somebody has agreed to, as in the settings of an account there.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn withdraw(&self, account: &str) -> TestResult {
        let url = format!("{}/withdraw?account={account}", self.issuer);
        let reply = Browser::new()?.client.get(url).send().await?;
        reply.error_for_status()?;
        Ok(())
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps what it says, until it ends.
fn listen(lines: BufReader<ChildStdout>, issued: Arc<Mutex<Vec<Value>>>) {
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if let Ok(value) = serde_json::from_str(&line) {
                issued
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(value);
            }
        }
    });
}

/// The folder with the script and what it needs; made once for all runs, by the lock file.
fn installed() -> TestResult<PathBuf> {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let name = format!("valutai-test-openid-{:016x}", hasher.finish());
    let folder = std::env::temp_dir().join(&name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let unfinished = std::env::temp_dir().join(format!("{name}-{}", Uuid::new_v4().simple()));
    fs::create_dir_all(&unfinished)?;
    let outcome = install(&unfinished).and_then(|()| match fs::rename(&unfinished, &folder) {
        // Another test was faster.
        Err(_) if folder.is_dir() => Ok(()),
        other => Ok(other?),
    });
    if unfinished.is_dir() {
        fs::remove_dir_all(&unfinished)?;
    }
    outcome.map(|()| folder)
}

fn install(folder: &Path) -> TestResult {
    for (name, content) in FILES {
        fs::write(folder.join(name), content)?;
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("npm ci: {said}").into());
    }
    Ok(())
}

/// A browser of somebody: it follows redirects and keeps cookies, and nothing more.
#[derive(Debug)]
pub struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// One without cookies.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new() -> TestResult<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A server may close one that is idle in the moment in which it is used again.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            client,
            cookies: BTreeMap::new(),
        })
    }

    /// Opens an address as a person of the provider, until it is sent to `stop`; answers what is in the query there.
    ///
    /// # Errors
    /// Where it is sent nowhere.
    pub async fn go(
        &mut self,
        url: &str,
        person: &str,
        stop: &str,
    ) -> TestResult<BTreeMap<String, String>> {
        let mut url = reqwest::Url::parse(url)?;
        url.query_pairs_mut().append_pair("login_hint", person);
        for _ in 0..MOST_REDIRECTS {
            let (status, location) = self.step(&url).await?;
            let Some(location) = location else {
                return Err(format!("{url} answered {status} and sent the browser nowhere").into());
            };
            url = url.join(&location)?;
            if url.as_str().starts_with(stop) {
                return Ok(url.query_pairs().into_owned().collect());
            }
        }
        Err("the browser is sent in circles".into())
    }

    /// Opens an address, and answers what it says.
    ///
    /// # Errors
    /// Where nobody answers.
    pub async fn visit(&mut self, url: &str) -> TestResult<String> {
        Ok(self.client.get(url).send().await?.text().await?)
    }

    async fn step(&mut self, url: &reqwest::Url) -> TestResult<(u16, Option<String>)> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self.client.get(url.clone());
        let reply = request.header("cookie", cookies.join("; ")).send().await?;
        for cookie in reply.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                match value {
                    "" => self.cookies.remove(name),
                    value => self.cookies.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        let location = reply.headers().get("location");
        let location = location.map(|to| to.to_str().map(str::to_owned));
        Ok((reply.status().as_u16(), location.transpose()?))
    }
}
