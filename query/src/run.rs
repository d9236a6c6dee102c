//! Questions run on blocking threads, a bounded number at once, each with a deadline. Dropping the answer's future (the client went
//! away) cancels the scan behind it.

use crate::config::Config;
use crate::error::{Error, Result};
use hopline_storage::scan::Cancel;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(crate) struct Runner {
    permits: Arc<Semaphore>,
    queue_timeout: Duration,
    timeout: Duration,
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
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A place among the questions at work; held as long as the answer is made.
    pub(crate) async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let waiting = self.permits.clone().acquire_owned();
        match tokio::time::timeout(self.queue_timeout, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::Busy),
        }
    }

    /// Runs `work` on a blocking thread; it must ask its `Cancel` now and then.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static) -> Result<T> {
        let permit = self.permit().await?;
        let cancel = Cancel::with_deadline(Instant::now() + self.timeout);
        let guard = CancelOnDrop(cancel.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&cancel)
        })
        .await;
        drop(guard);
        match done {
            Ok(result) => result,
            Err(error) => Err(Error::Internal(format!("the question broke off: {error}"))),
        }
    }
}
