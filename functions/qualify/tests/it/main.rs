//! Charges and credits in the whole deployment, as the store sees them.

mod charge;
