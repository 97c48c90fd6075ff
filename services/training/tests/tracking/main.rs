//! How models are tracked, against a real Postgres and NATS: what made them, how their trainings end, and
//! which of them answers. Deliberately without the gateway: the calls come as it would forward them.

mod champion;
mod ends;
mod made_of;
mod quotes;
mod retraining;
mod world;
