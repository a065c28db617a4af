//! What came of a run, in the forms in which it is wanted.

mod table;

pub use self::table::table;
