//! The life of an order: placed, paid, shipped; cancelled or refunded.

use crate::money::Money;
use crate::pricing::Quote;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Placed,
    Paid,
    Shipped,
    Cancelled,
}

/// Why an order refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// Not in the state that it has.
    WrongState(State),
    /// The payment is not what is due.
    WrongAmount { due: Money },
    /// More than can be given back.
    RefundTooLarge,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub number: u64,
    pub due: Money,
    state: State,
    paid: Money,
    refunded: Money,
}

impl Order {
    /// An order for what was quoted.
    pub fn place(number: u64, quote: &Quote) -> Self {
        Self {
            number,
            due: quote.total,
            state: State::Placed,
            paid: Money::ZERO,
            refunded: Money::ZERO,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the shop has kept of the payment.
    pub fn kept(&self) -> Money {
        self.paid - self.refunded
    }

    /// The customer paid.
    pub fn pay(&mut self, amount: Money) -> Result<(), OrderError> {
        self.expect(State::Placed)?;
        if amount != self.due {
            return Err(OrderError::WrongAmount { due: self.due });
        }
        self.paid = amount;
        self.state = State::Paid;
        Ok(())
    }

    /// The parcel left the house.
    pub fn ship(&mut self) -> Result<(), OrderError> {
        self.expect(State::Paid)?;
        self.state = State::Shipped;
        Ok(())
    }

    /// The customer changed their mind before paying.
    pub fn cancel(&mut self) -> Result<(), OrderError> {
        self.expect(State::Placed)?;
        self.state = State::Cancelled;
        Ok(())
    }

    /// Gives back all or part of the payment; several times if need be.
    pub fn refund(&mut self, amount: Money) -> Result<(), OrderError> {
        if !matches!(self.state, State::Paid | State::Shipped) {
            return Err(OrderError::WrongState(self.state));
        }
        if amount > self.paid {
            return Err(OrderError::RefundTooLarge);
        }
        self.refunded = self.refunded + amount;
        Ok(())
    }

    fn expect(&self, state: State) -> Result<(), OrderError> {
        if self.state == state {
            Ok(())
        } else {
            Err(OrderError::WrongState(self.state))
        }
    }
}
