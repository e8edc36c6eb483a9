//! What is compared, in which settings and beside which limit, and what was measured: figures, as they are
//! taken, drawn and written. [`crate::compare`] takes them.

mod figure;
mod plan;
mod selection;
mod way;

pub use figure::{Comparison, Figure, Sample, Section};
pub use plan::{ComparePlan, Placement};
pub use selection::{FigureSetting, figures};
pub use way::Way;
