//! The clock of the shop. Live, it is the machine's. For history it is virtual: when every task waits, time jumps to the next timer,
//! so a day of the same services takes seconds.

use futures::executor::LocalPool;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug)]
pub(crate) enum Time {
    Real,
    Virtual(Arc<Mutex<Timers>>),
}

#[derive(Debug)]
pub(crate) struct Timers {
    now: SystemTime,
    next_number: u64,
    /// (when, order of asking); wakers beside, so that the heap is ordered by time alone.
    due: BinaryHeap<Reverse<(SystemTime, u64)>>,
    wakers: std::collections::HashMap<u64, Waker>,
}

impl Time {
    pub(crate) fn virtual_from(start: SystemTime) -> Self {
        Self::Virtual(Arc::new(Mutex::new(Timers { now: start, next_number: 0, due: BinaryHeap::new(), wakers: Default::default() })))
    }

    pub(crate) fn now(&self) -> SystemTime {
        match self {
            Self::Real => SystemTime::now(),
            Self::Virtual(timers) => lock(timers).now,
        }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        match self {
            Self::Real => tokio::time::sleep(duration).await,
            Self::Virtual(timers) => {
                let due = lock(timers).now + duration;
                VirtualSleep { timers: timers.clone(), due, number: None }.await;
            }
        }
    }

    pub(crate) async fn sleep_until(&self, when: SystemTime) {
        if let Ok(left) = when.duration_since(self.now()) {
            self.sleep(left).await;
        }
    }
}

/// Runs tasks of a virtual clock until `done` and nothing is left to run; time jumps whenever all of them wait.
pub(crate) fn drive(pool: &mut LocalPool, time: &Time, mut done: impl FnMut() -> bool) {
    let Time::Virtual(timers) = time else { return };
    loop {
        pool.run_until_stalled();
        if done() {
            return;
        }
        let waker = {
            let mut timers = lock(timers);
            match timers.due.pop() {
                // Nothing will ever happen again.
                None => return,
                Some(Reverse((when, number))) => {
                    timers.now = timers.now.max(when);
                    timers.wakers.remove(&number)
                }
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct VirtualSleep {
    timers: Arc<Mutex<Timers>>,
    due: SystemTime,
    number: Option<u64>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut timers = lock(&this.timers);
        if timers.now >= this.due {
            return Poll::Ready(());
        }
        let number = match this.number {
            Some(number) => number,
            None => {
                let number = timers.next_number;
                timers.next_number += 1;
                timers.due.push(Reverse((this.due, number)));
                this.number = Some(number);
                number
            }
        };
        timers.wakers.insert(number, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            lock(&self.timers).wakers.remove(&number);
        }
    }
}

fn lock(timers: &Mutex<Timers>) -> std::sync::MutexGuard<'_, Timers> {
    timers.lock().unwrap_or_else(PoisonError::into_inner)
}
