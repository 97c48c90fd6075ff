//! Progress bars on the standard error, only where a person watches. Deliberately nothing else
//! goes there while a bar is shown.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const STEPS: u64 = 1000;

/// A bar that counts bytes.
#[must_use]
pub fn of_bytes(total: u64, what: &'static str) -> ProgressBar {
    bar(
        total,
        what,
        "{msg:16} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )
}

/// A bar that shows how far a job is; see [`show_share`].
#[must_use]
pub fn of_share(what: &'static str) -> ProgressBar {
    let bar = bar(
        STEPS,
        what,
        "{spinner} [{bar:40}] {percent:>3} % {elapsed} {msg}",
    );
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    bar
}

/// Moves a bar of [`of_share`] to a share of the whole and names the stage.
pub fn show_share(bar: &ProgressBar, share: f64, stage: &str) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the bar"
    )]
    bar.set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
    bar.set_message(crate::text::clean(stage));
}

fn bar(total: u64, what: &'static str, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar
}
