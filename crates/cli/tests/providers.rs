//! The command line through a gateway to a certified OpenID provider and back: the browser opens the address that
//! is printed, and comes back to the port that the command listens on.

mod support;

use std::{
    path::Path,
    process::{Output, Stdio},
};

use platform::config::{Provider, ProviderKind, Secret};
use testkit::{
    TestResult, World,
    openid::{Browser, OpenIdProvider},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use valutai::server::stack::SERVICES;

/// The program of one person, whose tokens lie in a folder.
struct Program<'a> {
    endpoint: &'a str,
    folder: &'a Path,
    /// In place of the stored one.
    token: &'a str,
}

impl Program<'_> {
    fn start(&self, line: &str) -> TestResult<Child> {
        Ok(Command::new(env!("CARGO_BIN_EXE_valutai"))
            .args(line.split_whitespace())
            .args(["--endpoint", self.endpoint])
            .env("VALUTAI_CONFIG_DIR", self.folder)
            .env("VALUTAI_TOKEN", self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?)
    }

    async fn run(&self, line: &str) -> TestResult<Output> {
        Ok(self.start(line)?.wait_with_output().await?)
    }

    /// Runs a command whose address a browser of somebody opens.
    async fn run_with_browser(&self, line: &str, person: &str) -> TestResult<(Output, String)> {
        let mut child = self.start(line)?;
        let said = child.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(said).lines();
        let url = loop {
            let line = lines.next_line().await?.ok_or("it printed no address")?;
            if line.starts_with("http://") {
                break line;
            }
        };
        let mut browser = Browser::new()?;
        let redirect = url::query(&url, "redirect_uri")?;
        let back = browser.go(&url, person, &redirect).await?;
        // The browser's last step.
        let query: Vec<String> = back
            .iter()
            .map(|(name, value)| format!("{name}={}", url::escaped(value)))
            .collect();
        let page = browser
            .visit(&format!("{redirect}?{}", query.join("&")))
            .await?;
        let mut rest = Vec::new();
        while let Some(line) = lines.next_line().await? {
            rest.push(line);
        }
        let mut output = child.wait_with_output().await?;
        output.stderr = rest.join("\n").into_bytes();
        Ok((output, page))
    }
}

mod url {
    use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

    /// A parameter of an address.
    pub fn query(url: &str, name: &str) -> Result<String, String> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
        let value = value.ok_or(format!("{url} has no {name}"))?;
        Ok(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    pub fn escaped(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_a_provider_from_the_command_line() -> TestResult {
    let Some(openid) = OpenIdProvider::start().await? else {
        return Ok(());
    };
    let mut world = World::new(&SERVICES).await?;
    world.launch.accounts.providers = vec![Provider {
        name: "corp".to_owned(),
        title: "Corp".to_owned(),
        kind: ProviderKind::OpenId,
        url: openid.issuer.clone(),
        client_id: openid.client_id.clone(),
        client_secret: Some(Secret::new(&openid.client_secret)),
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        parameters: Vec::new(),
        redirect_uris: Vec::new(),
        trust_email: false,
    }];
    world.start().await?;
    let endpoint = world.endpoint()?;
    let folder = std::env::temp_dir().join(format!("valutai-test-{}", uuid::Uuid::now_v7()));
    let program = Program {
        endpoint: &endpoint,
        folder: &folder,
        token: "",
    };

    let listed = text(&program.run("auth providers").await?.stdout);
    assert!(
        listed.contains("corp") && listed.contains("Corp"),
        "{listed}"
    );

    // Who has no account is told what to add.
    let (refused, _) = program
        .run_with_browser("auth sign-in --with corp", "ada")
        .await?;
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("--organization"), "{said}");

    let (done, page) = program
        .run_with_browser("auth sign-in --with corp --organization Ada", "ada")
        .await?;
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(page.contains("close this window"), "{page}");
    let (again, _) = program
        .run_with_browser("auth sign-in --with corp", "ada")
        .await?;
    assert!(
        text(&again.stdout).contains("ada@example.com"),
        "{}",
        text(&again.stderr)
    );
    let who = text(&program.run("auth whoami").await?.stdout);
    assert!(
        who.contains("ada@example.com") && who.contains("owner"),
        "{who}"
    );

    let links = text(&program.run("auth links").await?.stdout);
    assert!(
        links.contains("Corp") && links.contains("no password"),
        "{links}"
    );
    let last = program.run("auth unlink corp").await?;
    assert_eq!(last.status.code(), Some(1));
    assert!(
        text(&last.stderr).contains("last way"),
        "{}",
        text(&last.stderr)
    );
    let (twice, _) = program.run_with_browser("auth link corp", "eve").await?;
    assert!(
        text(&twice.stderr).contains("linked to Corp already"),
        "{}",
        text(&twice.stderr)
    );
    let (denied, page) = program
        .run_with_browser("auth sign-in --with corp", "denied")
        .await?;
    assert_eq!(denied.status.code(), Some(1));
    assert!(
        text(&denied.stderr).contains("access_denied (not today)"),
        "{}",
        text(&denied.stderr)
    );
    assert!(page.contains("refused"), "{page}");

    let bob = support::sign_up(&world, "bob").await?;
    let program = Program {
        token: &bob.token,
        ..program
    };
    let (done, _) = program.run_with_browser("auth link corp", "bob").await?;
    let said = text(&done.stdout);
    assert!(
        said.contains("linked to Corp as bob@example.com"),
        "{said}{}",
        text(&done.stderr)
    );
    let links = text(&program.run("auth links").await?.stdout);
    assert!(links.contains("has a password"), "{links}");
    let done = program.run("auth unlink corp").await?;
    assert_eq!(text(&done.stdout), "unlinked\n", "{}", text(&done.stderr));

    world.stop().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
