//! The table of rights as nats-server's configuration writes it. Deliberately without a password: they come from the environment
//! of nats-server.

use std::fmt::Write as _;

use platform::outside;

use super::{ACCOUNT, RESPONSES, TABLE, known_users, requests};

/// The part of nats-server's configuration that has clients speak TLS, with the files of a folder.
#[must_use]
pub fn tls(dir: &str) -> String {
    format!(
        "# Clients in the clear are refused. Read again at: nats-server --signal reload\n\
         tls {{\n  cert_file: \"{dir}/tls.crt\"\n  key_file: \"{dir}/tls.key\"\n  timeout: 5\n}}\n"
    )
}

/// The accounts of nats-server's configuration, with passwords from its environment.
#[must_use]
pub fn configuration(prefix: &str) -> String {
    let mut text = format!(
        "# Who may say and hear what: one user per service, one for whoever looks after the streams. Passwords come\n\
         # from the environment of nats-server. Written by: valutai nats-config --prefix {prefix}\n\
         #\n\
         # Replies: a service answers on the subject that a call names (allow_responses), as long as the longest call\n\
         # may take, and hears those to itself below _INBOX_<service>. Whoever consumes one event of a stream is held\n\
         # to that event.\n\
         #\n\
         # Programs outside are users that auth knows (auth_callout), in an account of their own, from which nothing but\n\
         # requests to the consumers that auth has made for them leads here.\n\
         accounts {{\n  {ACCOUNT} {{\n    jetstream: enabled\n    users: [\n"
    );
    for rights in &TABLE {
        let variable = rights.service.to_uppercase();
        let _ = write!(
            text,
            "      {{\n        user: {}, password: $NATS_{variable}_PASSWORD\n        permissions {{\n",
            rights.service
        );
        list(&mut text, "publish", &rights.publish(prefix));
        list(&mut text, "subscribe", &rights.subscribe(prefix));
        if rights.has_domain {
            let _ = writeln!(
                text,
                "          allow_responses {{ max: {RESPONSES}, expires: \"10m\" }}"
            );
        }
        text.push_str("        }\n      }\n");
    }
    text.push_str(
        "      # Backs streams up, restores them, reads the dead letters. No service has it.\n\
         \x20     { user: operator, password: $NATS_OPERATOR_PASSWORD }\n    ]\n    exports: [\n",
    );
    let requests = requests(prefix);
    let outside = outside::ACCOUNT;
    for outside::Request { inside, .. } in &requests {
        let _ = writeln!(
            text,
            "      {{ service: \"{inside}\", response_type: stream, accounts: [{outside}] }}"
        );
    }
    let _ = write!(text, "    ]\n  }}\n  {outside} {{\n    imports: [\n");
    for outside::Request { inside, outside } in &requests {
        let _ = writeln!(
            text,
            "      {{ service: {{ account: {ACCOUNT}, subject: \"{inside}\" }}, to: \"{outside}\" }}"
        );
    }
    let users: Vec<&str> = known_users().collect();
    let _ = write!(
        text,
        "    ]\n  }}\n  SYS {{\n    users: [{{ user: sys, password: $NATS_SYS_PASSWORD }}]\n  }}\n}}\n\
         system_account: SYS\n\
         authorization {{\n  auth_callout {{\n    issuer: $NATS_CALLOUT_ISSUER\n    account: {ACCOUNT}\n\
         \x20   auth_users: [{}]\n  }}\n}}\n",
        users.join(", ")
    );
    text
}

fn list(text: &mut String, what: &str, subjects: &[String]) {
    let _ = writeln!(text, "          {what}: [");
    for subject in subjects {
        let _ = writeln!(text, "            \"{subject}\"");
    }
    text.push_str("          ]\n");
}
