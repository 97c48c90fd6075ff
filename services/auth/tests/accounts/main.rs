//! Accounts, sessions, keys and teams against a real database, with the letters that people get.

mod addresses;
mod attempts;
mod keys;
mod passwords;
mod providers;
mod reports;
mod sealed;
mod smtp;
mod support;
mod team;
mod totp;
mod trail;
