//! The users of NATS: what a service says and hears in its code it may say and hear by `users.conf`.
//! Deliberately one way: that nobody may do more is for the eye.

use super::{between, files, read, report, services};

/// The part of users.conf that belongs to a user.
fn permissions(users: &str, name: &str) -> String {
    let password = format!("$NATS_{}_PASSWORD", name.to_uppercase());
    let found = between(
        users,
        &format!("user: {name}, password: {password}"),
        "user: ",
    );
    assert_eq!(found.len(), 1, "deploy/nats/users.conf has no user {name}");
    found.join("")
}

/// The consumers of a service, each with the domain that it reads.
pub fn consumers(name: &str, has_schema: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, text) in files(&format!("services/{name}/src"), ".rs") {
        for call in between(&text, "Consumer::new(\"", "\")") {
            let (first, domain) = call.split_once("\", \"").expect("two words");
            found.push((format!("{first}-{domain}"), domain.to_owned()));
        }
    }
    // Those that the platform gives to every service with a schema.
    for (path, text) in files("crates/platform/src", ".rs") {
        let calls = between(&text, "Consumer::new(&name, \"", "\")");
        let names = between(&text, "let name = format!(\"{service}-", "\")");
        assert_eq!(
            calls.len(),
            names.len(),
            "{path}: consumers are named in another way"
        );
        for (domain, word) in calls.iter().zip(names).filter(|_| has_schema) {
            found.push((format!("{name}-{word}-{domain}"), (*domain).to_owned()));
        }
    }
    found
}

/// The domains whose services a service calls.
fn called(name: &str) -> Vec<String> {
    let contract = read("proto/contract.txt").to_lowercase();
    // A domain may have several services: `webhook_nats` is of valutai.prediction.v1.WebhookService.
    let domain_of = |word: &str| {
        let service = format!(".v1.{word}service/");
        let mut lines = contract.lines();
        let line = lines.find(|line| line.contains(&service));
        line.and_then(|line| line.split('.').nth(1))
            .unwrap_or_else(|| panic!("the contract has no service of {word}_nats"))
            .to_owned()
    };
    let mut found = Vec::new();
    for (_, text) in files(&format!("services/{name}/src"), ".rs") {
        for (before, _) in text.match_indices("_nats::") {
            let word = text[..before]
                .rsplit(|c: char| !c.is_ascii_lowercase())
                .next();
            found.extend(word.map(domain_of));
        }
    }
    found
}

/// The events that a service hears without a consumer, by their full names.
fn heard(name: &str) -> Vec<String> {
    let contract = read("proto/contract.txt");
    let mut found = Vec::new();
    let mut texts = files("crates/platform/src", ".rs");
    texts.extend(files(&format!("services/{name}/src"), ".rs"));
    for (path, text) in texts {
        for event in between(&text, ".hear::<", ">()") {
            // Two domains may say an event of one name; the file says whose it means.
            let is_meant = |full: &&str| {
                let domain = full.split('.').nth(1).unwrap_or_default();
                let used = between(&text, &format!("{domain}::{{"), "}");
                full.rsplit('.').next() == Some(event)
                    && used.iter().any(|used| used.contains(event))
            };
            let named = |full: &&str| full.rsplit('.').next() == Some(event);
            let messages = || {
                contract
                    .lines()
                    .filter_map(|line| line.strip_suffix(": message"))
            };
            let full = messages().find(is_meant).or_else(|| messages().find(named));
            let full = full.unwrap_or_else(|| panic!("{path}: the contract has no event {event}"));
            found.push(full.replacen("valutai.", "valutai.*.", 1));
        }
    }
    found
}

#[test]
fn every_service_may_say_and_hear_on_nats_what_it_does() {
    let users = read("deploy/nats/users.conf");
    let (mut failures, mut seen) = (Vec::new(), 0);
    for (name, has_schema) in services() {
        let mine = permissions(&users, &name);
        let mut expect = |wanted: String| {
            seen += 1;
            if !mine.contains(&format!("\"{wanted}\"")) {
                failures.push(format!("deploy/nats/users.conf: {name} lacks `{wanted}`"));
            }
        };
        if has_schema {
            expect(format!("valutai.*.{name}.>"));
            expect(format!("valutai-rpc.{name}.*"));
            if name != "auth" {
                expect("valutai.*.auth.v1.OperationRecorded".to_owned());
            }
            for stream in ["auth", "dead", &name] {
                expect(format!("$JS.API.STREAM.CREATE.valutai-{stream}"));
            }
        }
        // Every service asks auth for the data keys of tenants.
        expect("valutai-rpc.auth.*".to_owned());
        for domain in called(&name) {
            expect(format!("valutai-rpc.{domain}.*"));
        }
        // Under `subscribe`, unlike the others.
        for event in heard(&name) {
            expect(event);
        }
        for (consumer, domain) in consumers(&name, has_schema) {
            expect(format!("valutai-dead.{consumer}.>"));
            expect(format!("$JS.API.STREAM.CREATE.valutai-{domain}"));
            expect(format!("$JS.API.CONSUMER.INFO.valutai-{domain}.{consumer}"));
            expect(format!(
                "$JS.API.CONSUMER.MSG.NEXT.valutai-{domain}.{consumer}"
            ));
            expect(format!("$JS.ACK.valutai-{domain}.{consumer}.>"));
        }
    }
    assert!(seen > 70, "only {seen} permissions were asked for");
    report(&failures);
}
