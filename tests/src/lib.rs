//! Properties of the whole system.
