//! `netsplit list`.

use super::models::{Models, Parameter};
use super::say;
use super::scenario::Scenario;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn list(models: &Models, asked: Option<&Path>) -> Result<()> {
    let folder = asked.unwrap_or(Path::new("models/scenarios"));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if asked.is_some() => {
            return Err(error)
                .with_context(|| format!("--scenarios {}: expected a folder", folder.display()));
        }
        Err(_) => Vec::new(),
    };
    say("Models");
    for model in models.iter() {
        say(&format!("\n  {}  {}", model.name(), model.about()));
        for parameter in model.parameters() {
            let Parameter { name, default, help } = parameter;
            match default.len() {
                ..=12 => say(&format!("      {name:<22} {default:<12} {help}")),
                _ => say(&format!("      {name:<22} {default}\n      {:<35} {help}", "")),
            }
        }
        say(&format!("      nodes    {}", model.nodes().join(", ")));
        for target in model.targets() {
            say(&format!("      target   @{target}: a fault can be aimed at it"));
        }
        for (name, when) in model.properties() {
            say(&format!("      check    {when}: {name}"));
        }
    }
    let mut files: Vec<PathBuf> = entries;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    say(&format!("\nScenarios in {}", folder.display()));
    if files.is_empty() {
        say("\n  none; --scenarios DIR looks elsewhere");
    }
    for file in files {
        // A broken scenario is listed with its error, and hides no other.
        match Scenario::read(&file, &[]) {
            Ok(scenario) => {
                let (model, description) = (scenario.content.model.get_ref(), &scenario.content.description);
                say(&format!("\n  {}  ({model})\n      {description}", file.display()));
            }
            Err(error) => say(&format!("\n  {}\n      error: {error:#}", file.display())),
        }
    }
    Ok(())
}
