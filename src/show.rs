//! A recording as a picture: what the lines of `--events` say, laid out so that it can be drawn.
//!
//! A [`Recording`] takes lines and gives a [`Picture`]: a lane for each process, what each operation did
//! and when, the reads and writes of shared cells, and how the balances went. The timeline, the trace, the
//! report and the table of operations are all drawn from that.

mod bins;
mod cell_history;
mod clock;
mod picture;
mod positions;
mod recording;
#[cfg(test)]
pub(crate) mod samples;

pub use bins::{Bin, Binned, Latencies, percentile};
pub use picture::{
    BalanceChange, BalanceHistory, CellAccess, CellStep, Lane, LaneEnd, OperationEnd, Picture,
    PicturedOperation, PicturedRepair, PicturedRun, PicturedTotals, PicturedWait, RequestTimes,
    RunBalance, Stroke,
};
pub use recording::{Recording, RecordingError};
