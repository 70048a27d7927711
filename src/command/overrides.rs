//! `--set key=value`: a change to the text of a scenario before it is read.
//!
//! Working on the text keeps one way of reading: a value that is set is checked exactly as one in the
//! file. The line of each remaining value is known, and an error in a changed one names the flag.

use anyhow::{Context, Result, anyhow, bail};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A change, `key=value`, and the flag that asks for it.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) flag: &'static str,
    pub(super) text: String,
}

impl Setting {
    /// Those of `--set`.
    pub(super) fn all(settings: &[String]) -> Vec<Setting> {
        settings.iter().map(|text| Setting { flag: "--set", text: text.clone() }).collect()
    }
}

/// A scenario's text after changes, and where each of its lines comes from.
pub(super) struct Text {
    pub(super) text: String,
    origins: Vec<Origin>,
}

#[derive(Clone, Debug)]
enum Origin {
    Line(usize),
    Flag(String),
}

impl Text {
    /// The text of the file as it is.
    pub(super) fn new(text: String) -> Text {
        // One more than there are lines, for errors at the end.
        let origins = (1..=text.lines().count() + 1).map(Origin::Line).collect();
        Text { text, origins }
    }

    /// Where the byte at `offset` comes from, in words for an error in `file`.
    pub(super) fn place(&self, file: &str, offset: usize) -> String {
        let line = self.text[..offset.min(self.text.len())].matches('\n').count();
        match self.origins.get(line).or(self.origins.last()) {
            Some(Origin::Flag(flag)) => flag.clone(),
            Some(Origin::Line(line)) => format!("{file}:{line}"),
            None => file.to_string(),
        }
    }

    /// Where the value of the key at `path` stands.
    pub(super) fn find(&self, path: &[&str]) -> Option<Range<usize>> {
        find(DeTable::parse(&self.text).ok()?.get_ref(), path)
    }

    /// Applies `key=value`. A key whose first part is none of `top` is a parameter of the model.
    pub(super) fn set(&mut self, setting: &Setting, top: &[&str]) -> Result<()> {
        let flag = format!("{} {}", setting.flag, setting.text);
        let Some((key, value)) = setting.text.split_once('=') else {
            bail!("{flag}: expected key=value, such as replicas=5 or network.loss_probability=0.01");
        };
        let value = literal(value.trim());
        let path = path_of(key, top);
        const SECTIONS: [&str; 6] = ["parameters", "network", "topology", "storage", "processing", "nemesis"];
        match path[..] {
            ["faults" | "links", ..] => {
                bail!(
                    "{flag}: `{}` stands in the file only; --set no_faults=true leaves out all faults",
                    path[0]
                );
            }
            [section] if SECTIONS.contains(&section) => {
                bail!("{flag}: `{section}` is a section: expected a key in it, such as network.delay=5ms");
            }
            _ => {}
        }
        let well_formed = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        if !path.iter().all(well_formed) {
            bail!("{flag}: `{key}` is not a key: expected names separated by dots");
        }
        let document = DeTable::parse(&self.text).map_err(|error| anyhow!("{}", error.message()))?;
        match find(document.get_ref(), &path) {
            Some(range) => self.replace(range, &value, &flag),
            None => self.insert(&path, &value, &flag).with_context(|| flag.clone())?,
        }
        Ok(())
    }

    fn replace(&mut self, range: Range<usize>, value: &str, flag: &str) {
        let first = self.text[..range.start].matches('\n').count();
        let lines = self.text[range.clone()].matches('\n').count();
        self.text.replace_range(range, value);
        self.origins.drain(first + 1..=first + lines);
        self.origins[first] = Origin::Flag(flag.to_string());
    }

    /// Adds a key that is not there yet, under the header of its table or at the top.
    fn insert(&mut self, path: &[&str], value: &str, flag: &str) -> Result<()> {
        let (key, table) = path.split_last().context("the key is empty")?;
        let added = format!("{key} = {value}\n");
        let header = format!("[{}]", table.join("."));
        let lines: Vec<&str> = self.text.split_inclusive('\n').collect();
        let under = lines.iter().position(|line| line.trim_start().starts_with(&header));
        let at = match under {
            Some(line) => line + 1,
            None if table.is_empty() => 0,
            None if self
                .text
                .lines()
                .any(|line| line.trim_start().starts_with(&format!("{} =", table[0]))) =>
            {
                bail!("`{}` is written on one line: write it as a section {header}", table.join("."))
            }
            None => lines.len(),
        };
        let mut text: String = lines[..at].concat();
        let mut origins: Vec<Origin> = self.origins[..at].to_vec();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if under.is_none() && !table.is_empty() {
            text.push_str(&format!("{header}\n"));
            origins.push(Origin::Flag(flag.to_string()));
        }
        text.push_str(&added);
        origins.push(Origin::Flag(flag.to_string()));
        text.push_str(&lines[at..].concat());
        origins.extend_from_slice(&self.origins[at..]);
        (self.text, self.origins) = (text, origins);
        Ok(())
    }
}

/// Where a key stands. One whose first part is none of `top` is a parameter of the model.
pub(super) fn path_of<'a>(key: &'a str, top: &[&str]) -> Vec<&'a str> {
    let mut path: Vec<&str> = key.trim().split('.').collect();
    if !top.contains(&path[0]) {
        path.insert(0, "parameters");
    }
    path
}

/// The value as TOML: as it is if it reads as a value, else as a string.
fn literal(value: &str) -> String {
    match DeTable::parse(&format!("x = {value}")) {
        Ok(table) if table.get_ref().len() == 1 && !value.contains('\n') => value.to_string(),
        _ => toml::Value::String(value.to_string()).to_string(),
    }
}

fn find(table: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let value: &Spanned<DeValue<'_>> = table.iter().find(|(key, _)| key.get_ref() == first)?.1;
    match value.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => find(inner, rest),
        _ if rest.is_empty() => Some(value.span()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "model = \"m\"\nduration = \"60s\"\n[parameters]\nreplicas = 3\n[network]\ndelay = { uniform = [\n  \"1ms\",\n  \"2ms\" ] }\nloss_probability = 0.1\n";

    fn after(settings: &[&str]) -> Text {
        let mut text = Text::new(FILE.to_string());
        for setting in settings {
            let set = Setting { flag: "--set", text: setting.to_string() };
            text.set(&set, &["duration", "model", "network", "storage"]).expect(setting);
        }
        text
    }

    fn place_of(text: &Text, needle: &str) -> String {
        text.place("f.toml", text.text.find(needle).expect(needle))
    }

    #[test]
    fn a_value_is_replaced_where_it_stands_and_other_lines_keep_their_numbers() {
        let text = after(&["replicas=5", "duration=5s", "network.delay=7ms"]);
        assert!(text.text.contains("replicas = 5\n"));
        assert!(text.text.contains("duration = \"5s\"\n"));
        assert!(text.text.contains("delay = \"7ms\"\n"));
        assert_eq!(place_of(&text, "replicas"), "--set replicas=5");
        assert_eq!(place_of(&text, "loss_probability"), "f.toml:9");
        assert_eq!(place_of(&text, "model"), "f.toml:1");
    }

    #[test]
    fn a_missing_key_or_section_is_added() {
        let text = after(&["clients=2", "client.timeout=1s", "storage.sync_latency=0ms", "model=other"]);
        assert!(text.text.contains("[parameters]\nclients = 2\nreplicas = 3\n"), "{}", text.text);
        assert!(text.text.contains("[parameters.client]\ntimeout = \"1s\"\n"), "{}", text.text);
        assert!(text.text.contains("[storage]\nsync_latency = \"0ms\"\n"));
        assert_eq!(place_of(&text, "clients"), "--set clients=2");
        assert_eq!(place_of(&text, "loss_probability"), "f.toml:9");
        assert_eq!(place_of(&text, "sync_latency"), "--set storage.sync_latency=0ms");
    }

    #[test]
    fn a_setting_that_is_no_setting_is_refused() {
        let mut text = Text::new(FILE.to_string());
        for setting in ["replicas", "=5", "a..b=1", "a b=1"] {
            let set = Setting { flag: "--set", text: setting.to_string() };
            assert!(text.set(&set, &[]).is_err(), "{setting}");
        }
    }
}
