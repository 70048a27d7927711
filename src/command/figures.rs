//! The figures that a scenario asks for, checked before anything runs.

use super::scenario::Scenario;
use crate::plot::PlotError;
use crate::plot::sweep::{self, Key};
use anyhow::Result;

/// Whether the scenario's figures exist and, of a sweep over `keys`, can be made of it.
pub(super) fn check(scenario: &Scenario, keys: Option<&[Key]>) -> Result<()> {
    for plot in &scenario.content.plots {
        let name = plot.get_ref();
        let problem = match sweep::applies(name, keys.unwrap_or_default()) {
            Err(PlotError::UnknownName { known, .. }) => {
                format!("there is no plot `{name}`: expected one of {}", known.join(", "))
            }
            Err(PlotError::NotApplicable { needs, .. }) if keys.is_some() => {
                format!("the plot `{name}` needs {needs}: expected a --vary KEY=A,B,C for each")
            }
            _ => continue,
        };
        return Err(scenario.error(plot.span(), problem));
    }
    if scenario.content.availability_window.is_zero() {
        let problem = "availability_window is zero: expected a span of time";
        return Err(scenario.setting_error(&["availability_window"], problem));
    }
    Ok(())
}
