//! The closed list of reasons for which work waits on record: what each means, and what brings it back.
//!
//! A reason is one word in a row, in a log and in the runbook. A word that is not here is written by no stage; a test
//! holds the list against the sources.

use std::fmt;

/// What brings work back that waits for this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// Trying again: what was in the way goes away by itself. An alarm or an operator's replay does it.
    Retry,
    /// Mending settings, rights or a repository, and trying again then. An operator's replay does it.
    MendThenRetry,
    /// Time: it comes back at its `resume_at`, and the sweep sees to that.
    Time,
    /// A person's decision about this one piece of work, with `ctl review`.
    Decision,
    /// Nothing: the same input ends the same way. Somebody looks, and closes it.
    Nothing,
}

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident = $word:literal, $mend:ident;)+) => {
        /// Why work waits on record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order in which the runbook has them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word in rows, logs and the runbook.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What brings such work back.
            #[must_use]
            pub fn mend(self) -> Mend {
                match self { $(Self::$name => Mend::$mend,)+ }
            }

            /// What it means, in a sentence or two.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning,)+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// A score is below the org's threshold: a person decides whether it is a bug worth a pull request.
    BelowThreshold = "below_threshold", Decision;
    /// The org publishes root causes later than on the pull request, and nobody has said that it is time.
    AwaitingPublication = "awaiting_publication", Decision;
    /// The period's cap of mapped bugs is reached; it waits for a higher cap or the next period.
    Capped = "capped", Time;
    /// The period's cap of model tokens is reached; it waits for a higher cap or the next period.
    TokenCapped = "token_capped", Time;
    /// It was done, and a person asked for its effect once more: the next attempt asks the provider and makes what is gone.
    Refired = "refired", Time;
    /// The org's outside effects are off: it is planned, and made once they are on again.
    EffectsOff = "effects_off", Time;
    /// The org runs in the shadow: it is what would have been made.
    Shadow = "shadow", Decision;
    /// Every attempt ended without a result: an outage that outlasted them, or work that always fails.
    AttemptsExhausted = "attempts_exhausted", Retry;
    /// Its message went out again as often as is allowed and nobody claimed it: its stage ends before it claims, or does not run.
    NeverClaimed = "never_claimed", MendThenRetry;
    /// The provider answered with its own failure, or nothing that could be read as an answer.
    ProviderUnavailable = "provider_unavailable", Retry;
    /// The request never left: no connection, no name, no route.
    NotSent = "not_sent", Retry;
    /// The provider asked for fewer requests, for longer than the attempts lasted.
    RateLimited = "rate_limited", Retry;
    /// The object changed under the request, time and again.
    ChangedMeanwhile = "changed_meanwhile", Retry;
    /// The request left and no answer came.
    AnswerLost = "answer_lost", Retry;
    /// The answer is not of the vendor's documented shape.
    AnswerMalformed = "answer_malformed", Retry;
    /// The answer has a status that the vendor does not document for this call.
    AnswerUnexpected = "answer_unexpected", Retry;
    /// The provider refuses the credentials.
    Unauthorized = "unauthorized", MendThenRetry;
    /// The credentials are accepted and do not allow this call.
    Forbidden = "forbidden", MendThenRetry;
    /// The account's money or its spending limit at the provider is used up.
    SpendLimit = "spend_limit", MendThenRetry;
    /// A request could not be built from the org's settings.
    BadSettings = "bad_settings", MendThenRetry;
    /// The object is absent, or hidden from these credentials.
    NotFound = "not_found", MendThenRetry;
    /// None of the org's repositories can be read, or one is missing.
    RepositoryMissing = "repository_missing", MendThenRetry;
    /// The repository is archived, so no branch can be made in it.
    RepositoryArchived = "repository_archived", MendThenRetry;
    /// The repository has no commit to start from.
    RepositoryEmpty = "repository_empty", MendThenRetry;
    /// The repository's source is larger than what is searched.
    RepositoryTooLarge = "repository_too_large", Nothing;
    /// Our branch's name points to a commit that is not ours; nothing of it is touched.
    BranchTaken = "branch_taken", MendThenRetry;
    /// What was to be created exists, and is not recognised as ours.
    AlreadyExists = "already_exists", MendThenRetry;
    /// The provider refuses the content of the request.
    Rejected = "rejected", Decision;
    /// The patch changes nothing, so there is no pull request to open.
    NothingToChange = "nothing_to_change", Decision;
    /// The model's edits do not fit the files at the pinned commit.
    PatchDoesNotApply = "patch_does_not_apply", Decision;
    /// The model's edits add an e-mail address or a credential that the file did not hold; the last answer is kept in the row.
    PatchAddsPrivate = "patch_adds_private", Decision;
    /// The model gave two answers that are not of the asked shape; the last one is kept in the row.
    ModelAnswerUnreadable = "model_answer_unreadable", Decision;
    /// The answer is larger than what is read of it.
    TooLarge = "too_large", Nothing;
    /// The result does not fit into a row.
    ResultTooLarge = "result_too_large", Nothing;
    /// The result cannot be written as JSON.
    ResultUnwritable = "result_unwritable", Nothing;
    /// A restated intent does not fit into a row.
    IntentTooLarge = "intent_too_large", Nothing;
    /// What a claim would write does not fit into a row.
    WorkTooLarge = "work_too_large", Nothing;
    /// The work names a subject that the table takes no key of.
    BadSubject = "bad_subject", Nothing;
    /// The work names a step that the table takes no key of.
    BadStep = "bad_step", Nothing;
    /// An earlier request may have been applied, and its loss is accepted.
    PossiblyLost = "possibly_lost", Decision;
    /// The message is not one of this build's: another version, another stage, or no message at all.
    UnreadableMessage = "unreadable_message", Nothing;
    /// A record does not hold what its step writes.
    UnreadableRecord = "unreadable_record", Nothing;
    /// The same key came with other content.
    ContentConflict = "content_conflict", Nothing;
    /// The usage table has an entry of the bug that no charge wrote.
    EntryTaken = "entry_taken", MendThenRetry;
    /// The message names a step whose earlier one is not on record.
    EarlierStepMissing = "earlier_step_missing", Nothing;
    /// The message asks for what only a billed bug gets.
    NotBilled = "not_billed", Nothing;
}

impl Reason {
    /// The reason of that word; none for a word that is not on the list.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_back_from_its_word_and_says_what_it_means() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason}: {}", reason.meaning());
        }
        assert_eq!(Reason::from_word("tired"), None);
    }
}
