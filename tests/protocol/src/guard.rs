//! One step of one subject: its ledger row, the attempts at it, and a provider.

mod attempt;
pub mod laws;
mod moves;
mod provider;
mod row;
pub mod rules;
pub mod state;
mod world;

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};
use moves::Moves;
pub use rules::{Broken, Deadline, FAULTS, Face, Fault, Guard, Timing};
use state::{Provider, Row, RowState, State};

impl Protocol for Guard {
    type State = State;

    fn start(&self) -> State {
        State {
            row: Row {
                state: RowState::Absent,
                fence: 0,
                claims: 0,
                clean: 0,
                lease: 0,
                attempts: 0,
                intent: None,
            },
            workers: Vec::new(),
            orphans: Vec::new(),
            stray: None,
            provider: Provider {
                made: 0,
                open: false,
                hidden: 0,
                version: 0,
                touched: self.versioned(),
            },
            queued: true,
            message: 0,
            passed: false,
            sent: None,
            faults: self.faults,
            duplicates: self.duplicates,
            resumes: self.resumes,
            foreign: self.foreign,
            wrong: None,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        let mut moves = Moves {
            guard: self,
            from: state,
            out,
        };
        for (index, worker) in state.workers.iter().enumerate() {
            moves.attempt(index, worker);
        }
        moves.world();
    }

    fn settled(&self, state: &State) -> bool {
        let on_record = match state.row.state {
            RowState::Sealed => state.passed,
            RowState::Parked { resumed } => !resumed,
            RowState::Absent | RowState::Claimed => false,
        };
        on_record && !state.queued && state.workers.is_empty()
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        laws::all()
    }
}
