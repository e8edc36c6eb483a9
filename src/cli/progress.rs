//! The flag that says whether a person sees a run while it lasts.

use std::io::{self, IsTerminal};

use clap::Args;

use super::pictures::When;
use crate::report::{LiveWish, live_style};
use crate::workload::WorkloadSource;

#[derive(Args)]
pub(super) struct ProgressArgs {
    /// Show on stderr how far the run is: never, on a terminal (auto; not with `NO_COLOR`, `TERM=dumb` or
    /// `--quiet`), or always, if need be as a line every two seconds
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    progress: When,
}

impl ProgressArgs {
    /// What is shown of a run with these operations. A person who types them is left alone.
    pub(super) fn live(&self, source: &WorkloadSource) -> Option<LiveWish> {
        let is_typed = matches!(source, WorkloadSource::Stdin) && io::stdin().is_terminal();
        let style = match self.progress {
            When::Always => live_style(true),
            When::Auto if !is_typed => live_style(false),
            When::Auto | When::Never => None,
        };
        let input = match source {
            WorkloadSource::File(path) => Some(path.clone()),
            WorkloadSource::Stdin | WorkloadSource::Operations(_) => None,
        };
        style.map(|style| LiveWish { style, input })
    }
}
