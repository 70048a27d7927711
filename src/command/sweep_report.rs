//! What `netsplit sweep` prints and writes.

use super::failure::{quoted, run_line};
use super::run::{RANKS, rounded};
use super::say;
use super::sweep::{Failure, Options, Row};
use super::tally::{CheckTally, OverSeeds};
use crate::time::format_span;
use serde_json::{Value as Json, json};
use std::time::Duration;

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn asked(options: &Options) -> u64 {
    options.seeds.end - options.seeds.start
}

/// Everything, as one object.
pub(super) fn json(options: &Options, rows: &[Row<'_>]) -> Json {
    let over_seeds = |value: Option<OverSeeds>| {
        value.map(|OverSeeds { median, band }| {
            let band = band.map(|(low, high)| [milliseconds(low), milliseconds(high)]);
            json!({"median": milliseconds(median), "band_95": band})
        })
    };
    let row = |row: &Row<'_>| {
        let tally = &row.tally;
        let check = |check: &CheckTally| {
            let failure = row.failures.iter().find(|failure| failure.check == check.name);
            let whole = tally.seeds == asked(options);
            let verdict = match check.violated > 0 || whole && check.is_unreached() {
                true => "violated",
                false => "holds",
            };
            let mut json = json!({
                "name": check.name,
                "when": check.when,
                "verdict": verdict,
                "violated_seeds": check.violated,
            });
            if check.when == "reachable" {
                json["reached_seeds"] = json!(check.reached);
            }
            if let Some(failure) = failure {
                json["lowest_failing_seed"] = json!(failure.seed);
                json["reason"] = json!(failure.reason);
                json["replay"] = json!(replay_line(options, row, failure));
                json["failure_file"] = json!(failure.file);
            }
            json
        };
        let inert = tally.inert_kinds().filter(|_| tally.seeds == asked(options));
        let inert: Vec<String> = inert.map(|kind| kind.to_string()).collect();
        let latency = |(name, rank): (&str, f64)| {
            Some((format!("{name}_ms"), json!(milliseconds(tally.latency(rank)?))))
        };
        let latency: serde_json::Map<String, Json> = RANKS.into_iter().filter_map(latency).collect();
        let faults = tally.faults.iter().map(|(kind, (took_place, touched))| {
            (kind.to_string(), json!({"seeds": took_place, "touched_seeds": touched}))
        });
        let values = row.values.iter().map(|(key, value)| (key.clone(), json!(value)));
        json!({
            "settings": values.collect::<serde_json::Map<String, Json>>(),
            "seeds": tally.seeds,
            "failing_seeds": tally.failing,
            "inert_faults": inert,
            "checks": tally.checks.iter().map(check).collect::<Vec<_>>(),
            "faults": faults.collect::<serde_json::Map<String, Json>>(),
            "metrics": {
                "operations": {
                    "ok": tally.operations.ok,
                    "failed": tally.operations.failed,
                    "unknown": tally.operations.unknown,
                    "open": tally.operations.open,
                },
                "latency": latency,
                "latency_per_seed": {
                    "p50_ms": over_seeds(tally.median_latency()),
                    "p99_ms": over_seeds(tally.tail_latency()),
                },
                "messages": { "sent": tally.sent, "dropped": tally.dropped },
            },
        })
    };
    let first = &rows[0].scenario;
    json!({
        "model": first.content.model.get_ref(),
        "scenario": first.name,
        "engine": crate::ENGINE,
        "seeds": { "from": options.seeds.start, "to": options.seeds.end },
        "interrupted": rows.iter().any(|row| row.tally.seeds < asked(options)),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// A line for each row, spans in milliseconds.
pub(super) fn csv(rows: &[Row<'_>]) -> String {
    let cell = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    };
    let span = |span: Option<Duration>| span.map(|span| milliseconds(span).to_string()).unwrap_or_default();
    let mut head: Vec<String> = rows[0].values.iter().map(|(key, _)| cell(key)).collect();
    head.extend(
        [
            "seeds",
            "failing_seeds",
            "ok",
            "failed",
            "unknown",
            "open",
            "p50_ms",
            "p90_ms",
            "p99_ms",
            "max_ms",
            "seed_p50_median_ms",
            "seed_p50_low_ms",
            "seed_p50_high_ms",
            "seed_p99_median_ms",
            "seed_p99_low_ms",
            "seed_p99_high_ms",
            "sent",
            "dropped",
        ]
        .map(String::from),
    );
    let mut text = head.join(",") + "\n";
    for row in rows {
        let tally = &row.tally;
        let mut cells: Vec<String> = row.values.iter().map(|(_, value)| cell(value)).collect();
        let operations = tally.operations;
        let counts = [tally.seeds, tally.failing, operations.ok, operations.failed, operations.unknown];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(operations.open.to_string());
        cells.extend(RANKS.map(|(_, rank)| span(tally.latency(rank))));
        for value in [tally.median_latency(), tally.tail_latency()] {
            let band = value.and_then(|value| value.band);
            let spans = [value.map(|value| value.median), band.map(|band| band.0), band.map(|band| band.1)];
            cells.extend(spans.map(span));
        }
        cells.extend([tally.sent, tally.dropped].map(|count| count.to_string()));
        text += &(cells.join(",") + "\n");
    }
    text
}

/// The summary, for a person.
pub(super) fn print(options: &Options, rows: &[Row<'_>], written: &[String]) {
    let Row { scenario, .. } = &rows[0];
    let model = scenario.content.model.get_ref();
    let duration = format_span(scenario.content.duration);
    let (from, to) = (options.seeds.start, options.seeds.end);
    say(&format!("{}  ({model}, seeds {from}..{to}, engine {}, {duration})", scenario.name, crate::ENGINE));
    if !scenario.content.description.is_empty() {
        say(&format!("  {}", scenario.content.description));
    }
    say("");
    match rows {
        [row] if row.values.is_empty() => print_measures(row),
        _ => print_table(rows),
    }
    say("");
    for row in rows {
        print_checks(options, row, rows.len() == 1);
    }
    if rows.len() > 1 && rows.iter().all(|row| row.tally.holds()) {
        say("  all checks hold in every row");
    }
    if !written.is_empty() {
        say("");
    }
    for file in written {
        say(&format!("  wrote {file}"));
    }
    let done: u64 = rows.iter().map(|row| row.tally.seeds).sum();
    let all = asked(options) * rows.len() as u64;
    if done < all {
        match rows.len() {
            1 => say(&format!("\ninterrupted: {done} of {all} seeds are finished, {from}..{}", from + done)),
            _ => say(&format!("\ninterrupted: {done} of {all} runs are finished")),
        }
    }
}

fn print_measures(row: &Row<'_>) {
    let tally = &row.tally;
    say(&format!("  seeds        {} finished, {} failing", tally.seeds, tally.failing));
    let operations = tally.operations;
    if operations.all() > 0 {
        let super::tally::Operations { ok, failed, unknown, open } = operations;
        say(&format!("  operations   {ok} ok, {failed} failed, {unknown} unknown, {open} open at the end"));
    }
    let latency = |(name, rank)| Some(format!("{name} {}", rounded(tally.latency(rank)?)));
    let latencies: Vec<String> = RANKS.into_iter().filter_map(latency).collect();
    if !latencies.is_empty() {
        say(&format!("  latency      {}", latencies.join("   ")));
    }
    let per_seed = [("p50", tally.median_latency()), ("p99", tally.tail_latency())];
    for (place, (name, value)) in per_seed.into_iter().enumerate() {
        let Some(value) = value else { continue };
        let head = if place == 0 { "per seed" } else { "" };
        let band = match value.band {
            Some((low, high)) => format!(", 95 % band {} to {}", rounded(low), rounded(high)),
            None => String::new(),
        };
        say(&format!("  {head:<12} {name} median {}{}", rounded(value.median), band));
    }
    say(&format!("  messages     {} between nodes; {} dropped", tally.sent, tally.dropped));
    for (place, (kind, (took_place, touched))) in tally.faults.iter().enumerate() {
        let head = if place == 0 { "faults" } else { "" };
        say(&format!("  {head:<12} {kind} in {took_place} seeds, touched something in {touched}"));
    }
}

fn print_table(rows: &[Row<'_>]) {
    let mut table: Vec<Vec<String>> = vec![rows[0].values.iter().map(|(key, _)| key.clone()).collect()];
    let heads =
        ["seeds", "failing", "ok", "failed", "unknown", "open", "p50", "p99", "p99 per seed, 95 % band"];
    table[0].extend(heads.map(String::from));
    for row in rows {
        let tally = &row.tally;
        let mut cells: Vec<String> = row.values.iter().map(|(_, value)| value.clone()).collect();
        let operations = tally.operations;
        cells.extend([tally.seeds, tally.failing].map(|count| count.to_string()));
        let counts = [operations.ok, operations.failed, operations.unknown, operations.open];
        cells.extend(counts.map(|count| count.to_string()));
        let span = |span: Option<Duration>| span.map_or("-".to_string(), rounded);
        cells.extend([span(tally.latency(0.5)), span(tally.latency(0.99))]);
        let tail = tally.tail_latency();
        let band = tail.and_then(|tail| tail.band);
        let band = band.map(|(low, high)| format!(" [{}, {}]", rounded(low), rounded(high)));
        cells.push(span(tail.map(|tail| tail.median)) + &band.unwrap_or_default());
        table.push(cells);
    }
    let widths: Vec<usize> = (0..table[0].len())
        .map(|column| table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0))
        .collect();
    for cells in &table {
        let line: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(format!("  {}", line.join("  ")).trim_end());
    }
}

/// All checks, or only what is wrong.
fn print_checks(options: &Options, row: &Row<'_>, all: bool) {
    let tally = &row.tally;
    // What no seed has done yet, another might have.
    let whole = tally.seeds == asked(options);
    let mut lines = Vec::new();
    for CheckTally { name, when, violated, reached, .. } in &tally.checks {
        let seeds = tally.seeds;
        match row.failures.iter().find(|failure| failure.check == *name) {
            Some(failure) => {
                lines.push(format!(
                    "  violated  {when}: {name}\n            in {violated} of {seeds} seeds; the lowest is {} ({})",
                    failure.seed, failure.reason
                ));
                lines.push(format!("            replay  {}", replay_line(options, row, failure)));
                if let Some(file) = &failure.file {
                    lines.push(format!("            replay  netsplit replay {}", quoted(file)));
                }
            }
            None if *when == "reachable" && *reached == 0 && whole => {
                lines.push(format!("  violated  {when}: {name} (no seed reaches it)"));
            }
            None if *when == "reachable" && all => {
                lines.push(format!("  holds     {when}: {name} (reached in {reached} of {seeds} seeds)"));
            }
            None if all => lines.push(format!("  holds     {when}: {name}")),
            None => {}
        }
    }
    for kind in tally.inert_kinds().filter(|_| whole) {
        lines.push(format!("  violated  faults: no {kind} touches anything in any seed"));
    }
    if !row.values.is_empty() && !lines.is_empty() {
        let values: Vec<String> = row.values.iter().map(|(key, value)| format!("{key}={value}")).collect();
        say(&format!("  {}", values.join(" ")));
    }
    for line in lines {
        say(&line);
    }
}

fn replay_line(options: &Options, row: &Row<'_>, failure: &Failure) -> String {
    run_line(&options.scenario, failure.seed, &row.settings(&options.set))
}
