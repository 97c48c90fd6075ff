//! `docs/rights.md` says of every method who may call it; it is written from the contract. After a
//! change of the contract, write it anew with `VALUTAI_UPDATE_RIGHTS=1 cargo test -p proto --test rights`.

use std::{fmt::Write as _, fs, path::PathBuf};

use proto::{
    access::{METHODS, Right},
    auth::Role,
    rpc::Caller,
};
use uuid::Uuid;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/rights.md")
}

fn caller(role: Role) -> Option<Caller> {
    (role != Role::Unspecified).then(|| Caller {
        user_id: Uuid::nil(),
        tenant_id: Uuid::nil(),
        role,
        session_id: Uuid::nil(),
    })
}

/// The page, by asking for each role what the gateway and the services ask.
fn page() -> String {
    let mut page = String::from(
        "# Rights\n\nWho may call which method. Written from the contract (`proto/tests/rights.rs` says how); the option \
         beside\neach method is what the gateway and, once more, the service judge a caller by. Methods that services \
         keep among\nthemselves are left out: the gateway answers as if there were none.\n\nWhatever the role, a caller \
         reaches the data of the own organisation only. An API key may what its role may, except\nwhat needs a person: \
         changing the account, making keys, moving between organisations.\n\nMethods of \
         `valutai.auth.v1.OperatorService` are for whoever runs the installation, by a token of its own: deploy/README.md.\n",
    );
    let mut domain = "";
    for method in METHODS
        .values()
        .filter(|m| !matches!(m.right, Right::Internal | Right::Operator))
    {
        if method.domain != domain {
            domain = &method.domain;
            let _ = write!(
                page,
                "\n## {}\n\n| method | nobody | viewer | analyst | owner |\n|---|---|---|---|---|\n",
                method.service
            );
        }
        let _ = write!(page, "| `{}` |", method.name);
        for role in [Role::Unspecified, Role::Viewer, Role::Analyst, Role::Owner] {
            let may = method.authorize(caller(role).as_ref()).is_ok();
            page.push_str(if may { " yes |" } else { " |" });
        }
        page.push('\n');
    }
    page
}

#[test]
fn the_page_of_rights_is_that_of_the_contract() {
    if std::env::var_os("VALUTAI_UPDATE_RIGHTS").is_some() {
        fs::write(path(), page()).expect("docs/rights.md can be written");
        return;
    }
    assert!(
        fs::read_to_string(path()).unwrap_or_default() == page(),
        "docs/rights.md is not what the contract says: run VALUTAI_UPDATE_RIGHTS=1 cargo test -p proto --test rights"
    );
}
