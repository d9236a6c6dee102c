//! How far a long question is, on a terminal: asked of the server while its answer is waited for.

use crate::print::{Screen, value};
use serde_json::Value;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Questions that are answered sooner show nothing.
const AFTER: Duration = Duration::from_millis(700);
const EVERY: Duration = Duration::from_millis(300);

/// Shown until it goes out of scope.
pub(crate) struct Progress {
    watch: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// `look` gives the question as `/api/v1/queries/{id}` describes it. Nothing is shown unless a terminal looks.
    pub(crate) fn show(look: impl Fn() -> Option<Value> + Send + 'static) -> Self {
        if Screen::stderr().width.is_none() {
            return Self { watch: None };
        }
        let (sender, ended) = channel();
        Self { watch: Some((sender, std::thread::spawn(move || watch(&look, &ended)))) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.watch.take() {
            drop(sender);
            // It ends within one look.
            let _ = thread.join();
        }
    }
}

fn watch(look: &dyn Fn() -> Option<Value>, ended: &Receiver<()>) {
    let mut wait = AFTER;
    let mut shown = false;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = EVERY;
        if let Some(question) = look() {
            shown = true;
            say(&format!("\r\x1b[K{}", words(&question)));
        }
    }
    if shown {
        say("\r\x1b[K");
    }
}

fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to be told when standard error is closed.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn words(question: &Value) -> String {
    let number = |name: &str| question.get(name).and_then(value::integer).unwrap_or(0);
    let mut words = value::duration(number("elapsed_nano"));
    if question.get("state").and_then(Value::as_str) == Some("waiting") {
        words.push_str(", waiting for its turn");
        return words;
    }
    let (parts, done) = (number("parts"), number("parts_done"));
    if parts > 0 {
        words.push_str(&format!(", {done} of {parts} parts"));
    }
    if number("rows_scanned") > 0 {
        words.push_str(&format!(", {} rows", number("rows_scanned")));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn progress_in_words() {
        let working = json!({"elapsed_nano": 1_500_000_000, "state": "working", "parts": 40, "parts_done": 12, "rows_scanned": 90_000});
        assert_eq!(words(&working), "1.50 s, 12 of 40 parts, 90000 rows");
        let waiting = json!({"elapsed_nano": 1_500_000_000, "state": "waiting"});
        assert_eq!(words(&waiting), "1.50 s, waiting for its turn");
    }
}
