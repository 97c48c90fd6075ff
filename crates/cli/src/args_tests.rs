//! Tests of the command line's grammar. Deliberately no command is run.

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn refused(line: &str) -> ErrorKind {
    let error = parse(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.kind()
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn everything_has_help() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let name = format!("{} {}", command.get_name(), arg.get_id());
            assert!(arg.get_help().is_some(), "{name}");
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Cli::command());
}

#[test]
fn the_token_is_not_shown() {
    let cli = parse("valutai auth whoami --token abc").expect("parses");
    assert!(!format!("{cli:?}").contains("abc"));
    assert_eq!(cli.global.token.expect("given").reveal(), "abc");
}

#[test]
fn commands_of_the_manual_parse() {
    for line in [
        "valutai auth sign-up --email a@b.example --organization Acme --password-stdin",
        "valutai auth sign-in --email a@b.example",
        "valutai -o json auth whoami",
        "valutai auth sessions -o json",
        "valutai auth sign-in --email a@b.example --code 123456",
        "valutai auth sign-in --with google",
        "valutai auth sign-in --with github --organization Acme --code 123456",
        "valutai auth providers",
        "valutai auth links",
        "valutai auth link google",
        "valutai auth unlink google",
        "valutai auth verify",
        "valutai auth verify --sign-up vam_x --password-stdin",
        "valutai auth change-email --email a@b.example",
        "valutai auth change-password --password-stdin",
        "valutai auth reset-password --email a@b.example",
        "valutai auth reset-password vam_x --password-stdin",
        "valutai auth totp begin",
        "valutai auth totp confirm 123456",
        "valutai auth totp disable 123456",
        "valutai auth sessions",
        "valutai auth revoke-session ID",
        "valutai auth revoke-sessions --including-this",
        "valutai auth keys create --name ci --role viewer --days 30",
        "valutai auth keys list",
        "valutai auth keys revoke ID",
        "valutai team invite --email a@b.example --role analyst",
        "valutai team accept vam_x --password-stdin",
        "valutai team role USER owner",
        "valutai team remove USER",
        "valutai team transfer USER",
        "valutai team organizations",
        "valutai team switch ID",
        "valutai team create Acme",
        "valutai team leave",
        "valutai team delete --name Acme --password-stdin",
        "valutai team delete --confirm vam_x",
        "valutai team delete --cancel",
        "valutai team service-accounts create --name erp --role analyst",
        "valutai audit list --page-size 10",
        "valutai datasets import q.csv --name N --map outcome=Status --ignore Notes --dry-run",
        "valutai datasets import q.csv --map list_price=List=Price --wait",
        "valutai datasets import q.csv.gz --into d --mode update-only --blank clear --personal Who",
        "valutai datasets import q.xlsx --sheet Q1 --errors-out errors.xlsx --format Date=DMY",
        "valutai datasets import q.csv --outcome yes=won --missing A=x --present B=None -o json",
        "valutai datasets imports",
        "valutai datasets imports d --page-size 3",
        "valutai datasets undo i --yes",
        "valutai datasets quarantined i",
        "valutai quotes list d --outcome won --price-min 10 --from 2024-01-01 --sort cheapest",
        "valutai datasets delete some-id --yes",
        "valutai models train --dataset d --seed 7 --wait",
        "valutai models train --dataset d --reason quarterly",
        "valutai models promote m --reason better",
        "valutai models promote m --override --reason better",
        "valutai models rollback --reason worse",
        "valutai models cancel m",
        "valutai models compare champion m --threshold 5 --quotes 100 -o json",
        "valutai models alias list",
        "valutai models alias set challenger m --reason new",
        "valutai models alias remove challenger",
        "valutai models retraining show d",
        "valutai models retraining on d --outcomes 50 --days 1 --promote",
        "valutai models retraining off d",
        "valutai predict q.csv --out p.csv --model m",
        "valutai predict --field price=10 --field region=West",
        "valutai predictions watch --cursor 0 --count 3",
        "valutai reports generate --model m --html r.html",
        "valutai reports share ID --for 12h",
        "valutai reports open vrl_x --html r.html --format pdf --file r.pdf",
        "valutai reports links list --report ID",
        "valutai reports links revoke ID",
        "valutai reports schedule create --kind track --cron X --zone Europe/Berlin --to me --to USER --attach pdf --attach xlsx --link-for 14d",
        "valutai reports schedule pause ID",
        "valutai sample --rows 100 --seed 1 --out q.csv --truth t.csv --until 2026-01-31",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn misuse_is_refused() {
    assert_eq!(
        refused("valutai predict"),
        ErrorKind::MissingRequiredArgument
    );
    assert_eq!(
        refused("valutai predict q.csv --field a=b"),
        ErrorKind::ArgumentConflict
    );
    refused("valutai predict --field a=b --out p.csv");
    refused("valutai predict --field nothing");
    refused("valutai datasets import q.csv --map colour=Red");
    refused("valutai datasets import q.csv --dry-run --wait");
    refused("valutai datasets import q.csv --errors-out errors.pdf");
    refused("valutai datasets undo");
    refused("valutai models promote m --override");
    refused("valutai models compare m");
    refused("valutai models retraining on d --outcomes 0");
    refused("valutai quotes list");
    refused("valutai quotes list d --price-min 1,5");
    refused("valutai team invite --email a@b.example --role king");
    refused("valutai team delete");
    refused("valutai team delete --cancel --confirm vam_x");
    refused("valutai auth verify --sign-up");
    refused("valutai auth reset-password");
    refused("valutai predictions list --page-size 0");
    refused("valutai -o xml auth whoami");
    refused("valutai sample --rows 0 --out q.csv");
}

#[test]
fn an_empty_folder_counts_as_unset() {
    let words = ["valutai", "--config-dir", "", "auth", "whoami"];
    let cli = Cli::try_parse_from(words).expect("environments hold empty variables");
    assert_eq!(cli.global.config_dir.as_deref(), Some("".as_ref()));
}
