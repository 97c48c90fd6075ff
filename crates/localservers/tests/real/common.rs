//! What the tests of this crate share: folders, clients and looks at processes. It is deliberately
//! not a client library; it asks just enough to know that a server is really there.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What every test gives back.
pub type Outcome = Result<(), Box<dyn Error>>;

/// A process that stands for `cargo`, killed without warning at the latest when the test ends.
pub struct Owner(Child);

impl Owner {
    /// Starts it, holding on to nothing of this process.
    pub fn start() -> io::Result<Self> {
        let mut sleep = Command::new("sleep");
        sleep
            .arg("1000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        sleep.spawn().map(Self)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills and collects it.
    pub fn end(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            println!("the stand-in for cargo is left: {error}");
        }
    }
}

/// A folder name in the temporary folder that nobody else uses; the folder is not made.
pub fn fresh_dir(purpose: &str) -> PathBuf {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    std::env::temp_dir().join(format!(
        "valutai-ls-{purpose}-{}-{nanos}",
        std::process::id()
    ))
}

/// Logs in to NATS as the address says and gives back the INFO line after a ping was answered.
pub fn nats_info(url: &str) -> Result<String, Box<dyn Error>> {
    let (login, address) = url
        .strip_prefix("nats://")
        .and_then(|rest| rest.split_once('@'))
        .ok_or("no login in the address")?;
    let (user, password) = login.split_once(':').ok_or("no password")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut info = String::new();
    lines.read_line(&mut info)?;
    write!(
        stream,
        "CONNECT {{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"{password}\"}}\r\nPING\r\n"
    )?;
    let mut answer = String::new();
    lines.read_line(&mut answer)?;
    if answer.trim() != "PONG" {
        return Err(format!("{answer:?} instead of a pong").into());
    }
    Ok(info)
}

/// Asks Postgres with `psql` where there is one; elsewhere it is enough that the port answers.
pub fn postgres_says(url: &str, query: &str) -> Result<Option<String>, Box<dyn Error>> {
    // Debian leaves a wrapper behind that only says that there is no client.
    let usable = Command::new("psql")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !usable {
        let address = url.rsplit_once('@').ok_or("no login")?.1;
        TcpStream::connect(address.trim_end_matches("/postgres"))?;
        return Ok(None);
    }
    let output = Command::new("psql")
        .args(["--no-psqlrc", "-At", url, "-c", query])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(Some(String::from_utf8(output.stdout)?.trim().to_owned()))
}

/// Whether the process runs and is more than an uncollected entry.
pub fn runs(pid: u32) -> bool {
    let shell = "s=$(ps -o stat= -p \"$1\") && case $s in Z*) exit 1;; esac";
    Command::new("sh")
        .args(["-c", shell, "sh", &pid.to_string()])
        .status()
        .is_ok_and(|status| status.success())
}

/// Process ids whose command line names the folder.
pub fn processes_of(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let output = Command::new("ps").args(["-eo", "pid=,args="]).output()?;
    let folder = folder.to_string_lossy().into_owned();
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains(&folder))
        .map(str::to_owned)
        .collect())
}

/// Looks again and again until it is so; false when it is not within `limit`.
pub fn eventually(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !so() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
