//! What a client changes of its requests: as a worker would, and by cancelling them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Visitor;
use crate::soak::api::WORKER;
use crate::soak::api::caller::{Body, Call};
use crate::soak::api::checks::Check;
use crate::soak::api::mine::{Known, Mine};

const ONE: &str = "builds/{id}";

fn patch(path: String, user: Option<String>, body: Value) -> Call {
    Call {
        method: Method::PATCH,
        template: ONE,
        path,
        user,
        body: Body::Json(body),
    }
}

/// Types whose answers show an index image.
fn has_index_image(kind: &str) -> bool {
    !matches!(kind, "regenerate-bundle" | "recursive-related-bundles")
}

impl Visitor {
    /// Reports as a worker: a state with a reason, and for some types an index image.
    pub(super) async fn report(&mut self, request: u32) -> anyhow::Result<()> {
        let Some(place) = self.pick() else {
            return self.look_around().await;
        };
        let state = self
            .dice
            .one_of("in_progress", &["in_progress", "complete", "failed"]);
        let mine = &self.told.accepted[place];
        let reason = format!("step {request}: \"ä\u{1F980}\"");
        let mut body = json!({"state": state, "state_reason": reason, "arches": ["amd64"]});
        let image = format!("registry.example.test/soak-results/{}:{request}", mine.id);
        let index_image = has_index_image(mine.kind()) && self.dice.chance(50);
        if index_image {
            body["index_image"] = image.clone().into();
        }
        let would_be = |known: &Known| Known {
            state: state.to_owned(),
            reason: reason.clone(),
            index_image: if index_image {
                image.clone().into()
            } else {
                known.index_image.clone()
            },
        };
        let is_refused = |known: &&Known| known.is_final() && known.state != state;
        let refused = mine.known().iter().filter(is_refused).count();
        let statuses: &[u16] = match refused {
            0 => &[200],
            all if all == mine.known().len() => &[400],
            _ => &[200, 400],
        };
        let possible: Vec<Known> = mine
            .known()
            .iter()
            .filter(|known| !is_refused(known))
            .map(would_be)
            .collect();
        let call = patch(format!("builds/{}", mine.id), Some(WORKER.to_owned()), body);
        self.change(&call, statuses, place, possible).await
    }

    pub(super) async fn cancel(&mut self) -> anyhow::Result<()> {
        let Some(place) = self.pick() else {
            return self.look_around().await;
        };
        let mine = &self.told.accepted[place];
        let by = mine.user.as_deref().unwrap_or("an anonymous caller");
        let ended = mine.known().iter().filter(|known| known.is_final()).count();
        let statuses: &[u16] = match ended {
            0 => &[200],
            all if all == mine.known().len() => &[409],
            _ => &[200, 409],
        };
        let possible: Vec<Known> = mine
            .known()
            .iter()
            .filter(|known| !known.is_final())
            .map(|known| Known {
                state: "failed".to_owned(),
                reason: format!("The request was cancelled by {by}"),
                index_image: known.index_image.clone(),
            })
            .collect();
        let call = Call {
            path: format!("builds/{}/cancel", mine.id),
            ..Call::post("builds/{id}/cancel", mine.user.clone(), Body::None)
        };
        self.change(&call, statuses, place, possible).await
    }

    /// Sends a change that makes of a request one of those that are `possible`, and keeps what came of it.
    async fn change(
        &mut self,
        call: &Call,
        statuses: &[u16],
        place: usize,
        possible: Vec<Known>,
    ) -> anyhow::Result<()> {
        let answer = self.exchange(call, statuses).await?;
        let mine: &mut Mine = &mut self.told.accepted[place];
        let Some(answer) = answer else {
            mine.may_have_become(possible);
            return Ok(());
        };
        if !answer.is(StatusCode::OK) {
            return Ok(());
        }
        let view = answer.json();
        let became = Known::of(&view);
        let as_told = possible.contains(&became) && mine.shows_payload(&view);
        let checks = &mut self.told.checks;
        checks.expect(Check::OwnAnswers, as_told, || {
            format!("{possible:?} was reported, and the answer is {view}")
        });
        mine.became(became);
        Ok(())
    }

    /// Reports that have to be refused.
    pub(super) async fn be_refused_as_worker(&mut self) -> anyhow::Result<()> {
        let Some(place) = self.pick() else {
            return self.look_around().await;
        };
        let own = format!("builds/{}", self.told.accepted[place].id);
        let unknown = "builds/999999999999".to_owned();
        let worker = Some(WORKER.to_owned());
        let state = json!({"state": "failed", "state_reason": "it must not be written"});
        let (call, status) = match self.dice.below(5) {
            0 => (patch(own, Some("stranger".to_owned()), state), 403),
            1 => (patch(unknown, worker, json!({})), 400),
            2 => (patch(unknown, worker, state), 404),
            3 => (patch(own, worker, json!({"state": "failed"})), 400),
            _ => {
                let mut body = state;
                body["user"] = "somebody else".into();
                (patch(own, worker, body), 400)
            }
        };
        self.exchange(&call, &[status]).await.map(drop)
    }
}
