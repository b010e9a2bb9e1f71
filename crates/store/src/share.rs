//! Reads that several callers wait for: those that ask the same share the answer of one execution, which began after they asked.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::error::Error;

/// How long a caller waits. A database that does not answer by then is as good as away.
const TIME: Duration = Duration::from_secs(30);

type Answer<V> = Result<V, Error>;

/// Questions that wait for somebody to answer them, each with everybody who asked it.
pub(crate) struct Questions<K, V> {
    waiting: Mutex<Waiting<K, V>>,
    asked: Notify,
}

struct Waiting<K, V> {
    order: VecDeque<K>,
    askers: HashMap<K, Vec<oneshot::Sender<Answer<V>>>>,
}

/// A question that was taken to be answered.
pub(crate) struct Question<K, V> {
    pub(crate) key: K,
    askers: Vec<oneshot::Sender<Answer<V>>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Questions<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                order: VecDeque::new(),
                askers: HashMap::new(),
            }),
            asked: Notify::new(),
        }
    }

    /// Asks, and waits for the answer. The number of questions is bounded by that of the callers, which is the server's to bound.
    pub(crate) async fn ask(&self, key: K) -> Answer<V> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let askers = waiting.askers.entry(key.clone()).or_default();
            askers.push(sender);
            if askers.len() == 1 {
                waiting.order.push_back(key);
            }
        }
        self.asked.notify_one();
        match tokio::time::timeout(TIME, receiver).await {
            Ok(answered) => answered.map_err(|_| Error::Closed)?,
            Err(_) => Err(Error::Timeout { action: "reading" }),
        }
    }

    /// Takes the oldest questions, at most `limit`; waits until there is one.
    pub(crate) async fn take(&self, limit: usize) -> Vec<Question<K, V>> {
        loop {
            let taken = self.take_now(limit);
            if !taken.is_empty() {
                return taken;
            }
            self.asked.notified().await;
        }
    }

    fn take_now(&self, limit: usize) -> Vec<Question<K, V>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(key) = waiting.order.pop_front()
        {
            let mut askers = waiting.askers.remove(&key).unwrap_or_default();
            // Who went away needs no answer.
            askers.retain(|asker| !asker.is_closed());
            if !askers.is_empty() {
                taken.push(Question { key, askers });
            }
        }
        taken
    }
}

impl<K, V: Clone> Question<K, V> {
    /// Tells everybody who asked. Somebody may have gone away meanwhile, which is fine.
    pub(crate) fn answer(mut self, answer: Answer<V>) {
        let last = self.askers.pop();
        for asker in self.askers {
            drop(asker.send(answer.clone()));
        }
        if let Some(last) = last {
            drop(last.send(answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Questions;

    #[tokio::test]
    async fn the_same_question_is_taken_once_and_all_who_asked_are_told() {
        let questions = Arc::new(Questions::<i64, i64>::new());
        let ask = |key| {
            let questions = Arc::clone(&questions);
            tokio::spawn(async move { questions.ask(key).await })
        };
        let asked = [ask(1), ask(2), ask(1)];
        while questions
            .waiting
            .lock()
            .unwrap()
            .askers
            .values()
            .map(Vec::len)
            .sum::<usize>()
            < asked.len()
        {
            tokio::task::yield_now().await;
        }
        let taken = questions.take(10).await;
        let mut keys: Vec<_> = taken.iter().map(|question| question.key).collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 2]);
        for question in taken {
            let key = question.key;
            question.answer(Ok(key * 10));
        }
        let mut told = Vec::new();
        for asker in asked {
            told.push(asker.await.unwrap().unwrap());
        }
        assert_eq!(told, [10, 20, 10]);
    }

    #[tokio::test]
    async fn a_question_whose_asker_went_away_is_not_answered() {
        let questions = Questions::<i64, i64>::new();
        let mut asking = Box::pin(questions.ask(1));
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(asking.as_mut().poll(context).is_pending())
        });
        assert!(once.await);
        drop(asking);
        assert!(questions.take_now(1).is_empty());
    }
}
