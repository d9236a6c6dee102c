//! Questions run on blocking threads, a bounded number at once, each with a deadline. Dropping the answer's future (the client went
//! away) cancels the scan behind it; so does whoever knows the question's id.
//!
//! A [`Question`] lives from its request to the last byte of its answer. The router puts it into the task that answers
//! ([`Running::ask`]), and whoever needs it there takes it from there ([`question`]).

use crate::config::Config;
use crate::error::{Error, Result};
use hopline_model::UnixNanos;
use hopline_storage::scan::Cancel;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

tokio::task_local! {
    static QUESTION: Arc<Question>;
}

/// The question that this task answers.
pub(crate) fn question() -> Option<Arc<Question>> {
    QUESTION.try_with(Arc::clone).ok()
}

/// Goes on with a question in another task: where its answer is streamed.
pub(crate) async fn within<T>(question: Arc<Question>, work: impl Future<Output = T>) -> T {
    QUESTION.scope(question, work).await
}

/// One question at work.
#[derive(Debug)]
pub(crate) struct Question {
    number: u64,
    pub(crate) id: String,
    pub(crate) path: String,
    /// Its parameters as they were typed.
    pub(crate) asked: String,
    pub(crate) explain: bool,
    pub(crate) began: Instant,
    pub(crate) started: UnixNanos,
    /// Who asks; known once the caller was let in.
    tenant: OnceLock<String>,
    /// It has its place among the questions at work.
    working: AtomicBool,
    pub(crate) cancel: Cancel,
    stop: watch::Sender<bool>,
    running: Weak<Running>,
}

impl Question {
    pub(crate) fn of(&self, tenant: &str) {
        // Set once: a request has one caller.
        let _ = self.tenant.set(tenant.to_owned());
    }

    pub(crate) fn is_working(&self) -> bool {
        self.working.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.cancel.cancel();
        self.stop.send_replace(true);
    }

    /// Resolves when somebody stops the question.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as the question.
        let _ = self.stop.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(running) = self.running.upgrade() {
            running.questions.lock().remove(&self.number);
        }
    }
}

/// Every question that is being answered.
#[derive(Debug, Default)]
pub(crate) struct Running {
    questions: Mutex<BTreeMap<u64, Weak<Question>>>,
    last: AtomicU64,
}

/// What a client may call its question.
const ID_CHARACTERS_MAX: usize = 64;

impl Running {
    /// Answers a request as a question that can be seen and stopped.
    pub(crate) async fn ask<T>(self: &Arc<Self>, path: &str, asked: &str, started: UnixNanos, answer: impl Future<Output = T>) -> (String, T) {
        let parameter = |name: &str| asked.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let named = parameter("query_id").filter(|id| {
            (1..=ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        });
        let question = Arc::new(Question {
            number,
            // Two runs of the server do not name theirs alike.
            id: named.map_or_else(|| format!("{:x}-{number}", started.0 as u64 >> 20), str::to_owned),
            path: path.to_owned(),
            asked: asked.to_owned(),
            explain: matches!(parameter("explain"), Some("true" | "1")),
            began: Instant::now(),
            started,
            tenant: OnceLock::new(),
            working: AtomicBool::new(false),
            cancel: Cancel::default(),
            stop: watch::Sender::new(false),
            running: Arc::downgrade(self),
        });
        self.questions.lock().insert(number, Arc::downgrade(&question));
        let id = question.id.clone();
        (id, QUESTION.scope(question, answer).await)
    }

    /// A tenant's questions, oldest first.
    pub(crate) fn of(&self, tenant: &str) -> Vec<Arc<Question>> {
        // Outside the lock: the last owner of a question takes it out of the list.
        let all: Vec<Arc<Question>> = self.questions.lock().values().filter_map(Weak::upgrade).collect();
        all.into_iter().filter(|question| question.tenant.get().is_some_and(|of| of == tenant)).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Runner {
    permits: Arc<Semaphore>,
    queue_timeout: Duration,
    timeout: Duration,
    pub(crate) running: Arc<Running>,
}

/// Cancels when it goes out of scope.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Runner {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(config.concurrency.max(1))),
            queue_timeout: Duration::from_millis(config.queue_timeout_ms),
            timeout: Duration::from_millis(config.timeout_ms),
            running: Arc::default(),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A place among the questions at work; held as long as the answer is made.
    pub(crate) async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let began = Instant::now();
        let waiting = tokio::time::timeout(self.queue_timeout, self.permits.clone().acquire_owned());
        let permit = match unless_stopped(waiting).await? {
            Ok(Ok(permit)) => permit,
            _ => return Err(Error::Busy),
        };
        if let Some(question) = question() {
            question.working.store(true, Ordering::Relaxed);
            question.cancel.progress().step("wait for a turn", began.elapsed());
        }
        Ok(permit)
    }

    /// Runs `work` on a blocking thread; it must ask its `Cancel` now and then.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static) -> Result<T> {
        let permit = self.permit().await?;
        let cancel = cancel_at(Instant::now() + self.timeout);
        let guard = CancelOnDrop(cancel.clone());
        let done = unless_stopped(tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&cancel)
        }))
        .await;
        drop(guard);
        match done? {
            Ok(result) => result,
            Err(error) => Err(Error::Internal(format!("the question broke off: {error}"))),
        }
    }
}

/// For a part of the question of this task.
fn cancel_at(deadline: Instant) -> Cancel {
    question().map_or_else(|| Cancel::with_deadline(deadline), |question| question.cancel.within(deadline))
}

/// Waits for `work`, or for somebody to stop the question of this task.
pub(crate) async fn unless_stopped<T>(work: impl Future<Output = T>) -> Result<T> {
    let Some(question) = question() else { return Ok(work.await) };
    tokio::select! {
        done = work => Ok(done),
        () = question.stopped() => Err(Error::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner() -> Runner {
        Runner::new(&Config { concurrency: 1, ..Config::default() })
    }

    /// A question is seen while it works, by its tenant alone; stopping it reaches the work, and it is gone.
    #[tokio::test]
    async fn stopped_by_id() {
        let runner = Arc::new(runner());
        let (at_work, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (shared, flags) = (runner.clone(), (at_work.clone(), ended.clone()));
        let answer = tokio::spawn(async move {
            let answer = async {
                question().unwrap().of("shop");
                shared
                    .run(move |cancel| {
                        flags.0.store(true, Ordering::SeqCst);
                        while cancel.check().is_ok() {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        flags.1.store(true, Ordering::SeqCst);
                        cancel.check().map_err(Error::from)
                    })
                    .await
            };
            shared.running.clone().ask("/api/v1/spans", "q=x&query_id=mine", UnixNanos(0), answer).await
        });
        while !at_work.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(runner.running.of("other").is_empty());
        let seen = runner.running.of("shop");
        assert_eq!((seen.len(), seen[0].id.as_str(), seen[0].is_working()), (1, "mine", true));
        let began = Instant::now();
        seen[0].stop();
        drop(seen);
        let (id, result) = answer.await.unwrap();
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
        assert_eq!(id, "mine");
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        assert!(runner.running.of("shop").is_empty());
        while !ended.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Its place is free again.
        runner.run(|_| Ok(())).await.unwrap();
    }

    /// What has ended does not stop what follows in the same question; a name that is no name is not taken.
    #[tokio::test]
    async fn parts_end_alone() {
        let runner = runner();
        let twice = async {
            runner.run(|_| Ok(())).await.unwrap();
            runner.run(|cancel| cancel.check().map_err(Error::from)).await
        };
        let (id, result) = runner.running.ask("/x", "query_id=%20&explain=true", UnixNanos(0), twice).await;
        assert!(result.is_ok() && id != "%20", "{id} {result:?}");
    }
}
