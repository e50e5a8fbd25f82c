//! A model step: one question, one repair, and an answer that is recorded before anybody acts on it.
//!
//! No provider of models takes a key, so asking again costs money and gives another answer.
//! Both are accepted, since only the sealed answer is ever used: the first score wins.

use ratchet_domain::ids::TicketRef;
use ratchet_domain::park::Reason;
use ratchet_domain::settings::Settings;
use ratchet_guard::effect::{Act, Effect};
use ratchet_guard::{Acted, Companion, Joint, Outcome, Park, Sealed, StageError, Why};
use ratchet_providers::error::ProviderError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connect::ModelAccess;
use crate::metric;
use crate::outcome;
use crate::tokens::{Spent, TokenMeter};

/// Why asking twice is accepted; for the reader of a stage.
pub const ASKING_TWICE: &str = "asking a model twice costs tokens; only the sealed answer is used";

/// The prompt of answers that a person gave by approving a bug below a threshold. No model's record has it: a stage writes
/// its own prompt's name there, never a model's word.
pub const VOUCHED: &str = "review/approve/1";

/// Most characters of a raw answer that is kept for a person. Reason: the row's size.
const RAW_CHARS_MAX: usize = 20_000;

/// A tool that the model must call, and what it is given.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who the model is, and what it must not do.
    pub system: &'static str,
    /// The material, as JSON: data, never instructions.
    pub material: Value,
    /// Name of the tool.
    pub tool: &'static str,
    /// What the tool is for.
    pub description: &'static str,
    /// JSON schema of the tool's input.
    pub schema: Value,
}

/// What a stage asks, and how it reads the answer.
pub trait Asking: Sync {
    /// A checked answer.
    type Answer: Serialize + DeserializeOwned + Send;

    /// Name and version of the prompt, as `extract/1`; it stands in the record.
    const PROMPT: &'static str;

    /// The question; it may read what the intent pins.
    fn question(
        &self,
        act: &Act,
    ) -> impl Future<Output = Result<Question, Outcome<Asked<Self::Answer>>>> + Send;

    /// Reads the tool's input.
    ///
    /// # Errors
    /// One sentence that tells the model what to mend; it quotes nothing of a customer.
    fn check(&self, input: &Value) -> Result<Self::Answer, String>;

    /// Reads the tool's input in the answer to the repair: the last one, so it may let go of what the work can do
    /// without. As [`Asking::check`] unless said.
    ///
    /// # Errors
    /// Why the work is held for a person.
    fn check_last(&self, input: &Value) -> Result<Self::Answer, Refusal> {
        self.check(input).map_err(Refusal::unreadable)
    }
}

/// Why a model's last answer is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for which the work is parked.
    pub reason: Reason,
    /// What is wrong, in a sentence that quotes nothing of a customer.
    pub problem: String,
}

impl Refusal {
    /// An answer that is not of the asked shape.
    #[must_use]
    pub fn unreadable(problem: String) -> Self {
        Self {
            reason: Reason::ModelAnswerUnreadable,
            problem,
        }
    }
}

/// A checked answer, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered<T> {
    /// The answer.
    pub answer: T,
    /// The model that gave it, as the provider names it.
    pub model: String,
    /// Name and version of the prompt.
    pub prompt: String,
    /// What it cost.
    pub spent: Spent,
}

impl<T> Answered<T> {
    /// A person approved it below a threshold.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        self.prompt == VOUCHED
    }
}

/// What a model step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked<T> {
    /// An answer of the right shape.
    Answered(Answered<T>),
    /// Two answers that could not be used; the last one is kept for a person.
    Unreadable {
        /// Why it is held, as a word of the closed list; `model_answer_unreadable` where a row says none.
        #[serde(default = "unreadable")]
        reason: String,
        /// What was wrong with it.
        problem: String,
        /// The raw answer, cut to a bound.
        raw: String,
        /// The model that gave it.
        model: String,
        /// What both cost.
        spent: Spent,
    },
    /// One answer that could not be used, and none to the repair. It is never on record as such: the attempt is released, or
    /// parked with what it has, and what the answer cost is counted.
    #[serde(skip)]
    Unrepaired {
        /// What became of the repair.
        repair: Repair,
        /// What was wrong with the answer.
        problem: String,
        /// The raw answer, cut to a bound.
        raw: String,
        /// The model that gave it.
        model: String,
        /// What it cost.
        spent: Spent,
    },
}

/// What became of a question that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// It was not taken, and may be later.
    NotTaken(Why),
    /// It was refused for good.
    Refused(Why),
    /// Nobody can tell; it may have been paid for.
    Unknown(Why),
}

impl Repair {
    fn failed(error: &ProviderError) -> Self {
        let why = outcome::why(error);
        match (error.has_no_side_effects(), error.is_retryable()) {
            (false, _) => Self::Unknown(why),
            (true, true) => Self::NotTaken(why),
            (true, false) => Self::Refused(why),
        }
    }
}

fn unreadable() -> String {
    "model_answer_unreadable".to_owned()
}

impl<T> Asked<T> {
    fn spent(&self) -> (Spent, &str) {
        match self {
            Self::Answered(answered) => (answered.spent, &answered.model),
            Self::Unreadable { spent, model, .. } | Self::Unrepaired { spent, model, .. } => (*spent, model),
        }
    }

    /// What is kept for a person of an answer whose repair was refused as `why` says.
    fn kept(self, why: &Why) -> Self {
        match self {
            Self::Unrepaired {
                problem,
                raw,
                model,
                spent,
                ..
            } => Self::Unreadable {
                reason: why.code.to_owned(),
                problem,
                raw,
                model,
                spent,
            },
            other @ (Self::Answered(_) | Self::Unreadable { .. }) => other,
        }
    }
}

/// The effect of asking.
#[derive(Debug)]
pub struct Ask<'a, A> {
    model: &'a ModelAccess,
    asking: A,
}

impl<'a, A: Asking> Ask<'a, A> {
    /// Asks this model.
    pub fn new(model: &'a ModelAccess, asking: A) -> Self {
        Self { model, asking }
    }
}

impl<A: Asking> Effect for Ask<'_, A> {
    type Receipt = Asked<A::Answer>;

    async fn send(&self, act: &Act) -> Outcome<Asked<A::Answer>> {
        let question = match self.asking.question(act).await {
            Ok(question) => question,
            Err(outcome) => return outcome,
        };
        let first = match self.model.ask(&question, None).await {
            Ok(reply) => reply,
            Err(error) => return outcome::failed(&error),
        };
        let problem = match first.input.and_then(|input| self.asking.check(&input)) {
            Ok(answer) => return Outcome::Done(answered::<A>(answer, first.model, first.spent)),
            Err(problem) => problem,
        };
        let second = match self.model.ask(&question, Some(&problem)).await {
            Ok(reply) => reply,
            // The first answer was paid for, whatever becomes of the step.
            Err(error) => {
                return Outcome::Done(Asked::Unrepaired {
                    repair: Repair::failed(&error),
                    problem,
                    raw: cut(&first.raw),
                    model: first.model,
                    spent: first.spent,
                });
            }
        };
        let spent = first.spent.and(second.spent);
        let last = second.input.map_err(Refusal::unreadable);
        Outcome::Done(match last.and_then(|input| self.asking.check_last(&input)) {
            Ok(answer) => answered::<A>(answer, second.model, spent),
            Err(refusal) => Asked::Unreadable {
                reason: refusal.reason.as_str().to_owned(),
                problem: refusal.problem,
                raw: cut(&second.raw),
                model: second.model,
                spent,
            },
        })
    }
}

fn cut(raw: &str) -> String {
    raw.chars().take(RAW_CHARS_MAX).collect()
}

fn answered<A: Asking>(answer: A::Answer, model: String, spent: Spent) -> Asked<A::Answer> {
    Asked::Answered(Answered {
        answer,
        model,
        prompt: A::PROMPT.to_owned(),
        spent,
    })
}

/// Seals a model step together with its token usage; an unreadable answer is held for a person with the raw text. One whose
/// repair was not answered is counted too, and the step is asked again later, or held where that is of no use.
///
/// # Errors
/// [`StageError::Parked`] when the answer is held; [`StageError::Retry`] when the step is asked again; otherwise as
/// [`Acted::seal_with`].
pub async fn settle<T: Serialize>(
    acted: Acted<Asked<T>>,
    tokens: &TokenMeter,
    ticket: &TicketRef,
    settings: &Settings,
) -> Result<Sealed, StageError> {
    let (spent, model) = acted.receipt().spent();
    let tokens_spent = spent.input.saturating_add(spent.output);
    metric::count(metric::MODEL_TOKENS, model, tokens_spent);
    let entries = tokens.entries(ticket, settings, acted.claim(), model, spent)?;
    let held_for = match acted.receipt() {
        Asked::Answered(_) => None,
        Asked::Unreadable { reason, problem, .. } => {
            let reason = Reason::from_word(reason).unwrap_or(Reason::ModelAnswerUnreadable);
            Some(Park::for_a_person(reason.as_str(), problem.clone()))
        }
        Asked::Unrepaired { repair, .. } => match repair.clone() {
            Repair::NotTaken(why) => return Err(acted.release_with(&why, true, entries).await),
            Repair::Unknown(why) => return Err(acted.release_with(&why, false, entries).await),
            Repair::Refused(why) => {
                let park = Park::for_a_person(why.code, why.detail.clone());
                return held(acted.map(|asked| asked.kept(&why)), park, entries).await;
            }
        },
    };
    let Some(park) = held_for else {
        return match acted.seal_with(entries).await? {
            Joint::OnRecord(sealed) => Ok(sealed),
            Joint::Refused { acted, .. } => Err(StageError::Conflict {
                key: acted.claim().key().clone(),
            }),
        };
    };
    held(acted, park, entries).await
}

async fn held<T: Serialize>(
    acted: Acted<Asked<T>>,
    park: Park,
    entries: Vec<Companion>,
) -> Result<Sealed, StageError> {
    match acted.park_with(park, entries).await? {
        Joint::OnRecord(parked) => Err(StageError::Parked(parked)),
        Joint::Refused { acted, .. } => Err(StageError::Conflict {
            key: acted.claim().key().clone(),
        }),
    }
}

/// The answer in a sealed model step.
///
/// # Errors
/// [`StageError::Unreadable`] when the record holds none.
pub fn answer_of<T: DeserializeOwned>(sealed: &Sealed) -> Result<Answered<T>, StageError> {
    match sealed.result::<Asked<T>>()? {
        Asked::Answered(answered) => Ok(answered),
        Asked::Unreadable { .. } | Asked::Unrepaired { .. } => Err(StageError::Unreadable {
            key: ratchet_guard::OnRecord::key(sealed).clone(),
            line: 0,
            column: 0,
        }),
    }
}
