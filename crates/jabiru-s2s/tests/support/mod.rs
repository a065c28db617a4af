//! What tests of finding and reaching servers need.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod dns;
pub(crate) mod web;
