//! Whose request is decoded next: as many at once as there are cores, the senders in turn.
//!
//! A sender with a hundred requests waiting and one with a single request are each next after the other: who sends little does
//! not stand behind who sends much.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Senders with requests waiting, each once, in the order of their turns.
    order: VecDeque<u64>,
    waiting: HashMap<u64, VecDeque<oneshot::Sender<Turn>>>,
}

/// Passed on when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Option<Arc<Turns>>,
}

impl Turns {
    pub(crate) fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: at_once.max(1), order: VecDeque::new(), waiting: HashMap::new() }) })
    }

    pub(crate) async fn wait(self: &Arc<Self>, sender: u64) -> Turn {
        let waiting = {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                None
            } else {
                let (give, take) = oneshot::channel();
                let State { order, waiting, .. } = &mut *state;
                let mine = waiting.entry(sender).or_default();
                if mine.is_empty() {
                    order.push_back(sender);
                }
                mine.push_back(give);
                Some(take)
            }
        };
        match waiting {
            None => Turn { turns: Some(self.clone()) },
            Some(take) => take.await.expect("who waits is given a turn before the giver goes"),
        }
    }

    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut state = self.state.lock();
        let State { free, order, waiting } = &mut *state;
        while let Some(sender) = order.pop_front() {
            let Some(mut mine) = waiting.remove(&sender) else { continue };
            let next = mine.pop_front();
            if !mine.is_empty() {
                waiting.insert(sender, mine);
                order.push_back(sender);
            }
            if next.is_some() {
                return next;
            }
        }
        *free += 1;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else { return };
        while let Some(next) = turns.next() {
            match next.send(Turn { turns: Some(turns.clone()) }) {
                Ok(()) => return,
                // Gone away meanwhile: the next one. In a loop, not by the drop of this one, for there may be many.
                Err(mut turn) => turn.turns = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quiet one is next, however many the noisy one has waiting; who goes away leaves no gap; all turns come back.
    #[tokio::test]
    async fn senders_take_turns() {
        let turns = Turns::new(1);
        let first = turns.wait(1).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let waiter = |sender: u64| {
            let (turns, served) = (turns.clone(), served.clone());
            tokio::spawn(async move {
                let _turn = turns.wait(sender).await;
                served.lock().push(sender);
                tokio::task::yield_now().await;
            })
        };
        let mut waiting: Vec<_> = (0..5).map(|_| waiter(1)).collect();
        tokio::task::yield_now().await;
        waiting.push(waiter(2));
        tokio::task::yield_now().await;
        let gone = waiter(3);
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        drop(first);
        for waiter in waiting {
            waiter.await.expect("no panic");
        }
        assert_eq!(*served.lock(), [1, 2, 1, 1, 1, 1]);
        let state = turns.state.lock();
        assert_eq!((state.free, state.order.len(), state.waiting.len()), (1, 0, 0));
    }
}
