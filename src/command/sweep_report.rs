//! What `netsplit sweep` prints and writes.

use super::failure::{self, run_line};
use super::run::{RANKS, rounded};
use super::say;
use super::shrink::sized;
use super::sweep::{Failure, Options, Row};
use super::tally::CheckTally;
use crate::plot::sweep::{OverSeeds, csv_cell, estimate_cells, share_text};
use crate::shrink::Shrunk;
use crate::time::format_span;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Of nanoseconds.
fn as_milliseconds(nanoseconds: u64) -> f64 {
    milliseconds(Duration::from_nanos(nanoseconds))
}

fn as_share(billionths: u64) -> f64 {
    billionths as f64 / 1e9
}

fn asked(options: &Options) -> u64 {
    options.seeds.end - options.seeds.start
}

/// Everything, as one object.
pub(super) fn json(options: &Options, rows: &[Row<'_>]) -> Json {
    let over_seeds = |value: Option<OverSeeds>, unit: fn(u64) -> f64| {
        value.map(|OverSeeds { median, band }| {
            let band = band.map(|(low, high)| [unit(low), unit(high)]);
            json!({"median": unit(median), "band_95": band})
        })
    };
    let row = |row: &Row<'_>| {
        let tally = &row.tally;
        let check = |check: &CheckTally| {
            let failure = row.failures.iter().find(|failure| failure.check == check.name);
            let whole = tally.seeds == asked(options);
            let verdict = match check.violated > 0 || whole && check.is_unreached() {
                true => Some("violated"),
                false if tally.seeds == 0 => None,
                false => Some("holds"),
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
                let case = failure.shrunk.as_ref().map(|shrunk| shrunk.case.to_string());
                json["shrunk"] = json!(case.map(|case| case.lines().map(str::to_string).collect::<Vec<_>>()));
            }
            json
        };
        let inert = tally.inert_kinds().filter(|_| tally.seeds == asked(options));
        let inert: Vec<String> = inert.map(|kind| kind.to_string()).collect();
        let latency = |(name, rank): (&str, f64)| {
            Some((format!("{name}_ms"), json!(milliseconds(tally.runs.latency(rank)?))))
        };
        let latency: serde_json::Map<String, Json> = RANKS.into_iter().filter_map(latency).collect();
        let faults = tally.faults.iter().map(|(kind, (took_place, touched))| {
            (kind.to_string(), json!({"seeds": took_place, "touched_seeds": touched}))
        });
        let [p50, _, p99] = tally.runs.percentiles();
        let values = row.values.iter().map(|(key, value)| (key.clone(), json!(value)));
        let gauges = tally.runs.gauges().map(|(name, [mean, above_zero])| {
            let (mean, above_zero) = (over_seeds(mean, as_share), over_seeds(above_zero, as_milliseconds));
            (name.to_string(), json!({"mean": mean, "above_zero_ms": above_zero}))
        });
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
                    "p50_ms": over_seeds(p50, as_milliseconds),
                    "p99_ms": over_seeds(p99, as_milliseconds),
                },
                "deadline_ms": row.scenario.content.deadline.map(milliseconds),
                "availability_per_seed": over_seeds(tally.runs.availability(), as_share),
                "stale_share_per_seed": over_seeds(tally.runs.stale(), as_share),
                "gauges_per_seed": gauges.collect::<serde_json::Map<String, Json>>(),
                "messages": { "sent": tally.sent, "dropped": tally.dropped },
            },
        })
    };
    let first = &rows[0].scenario;
    json!({
        "models": models(rows),
        "scenario": first.name,
        "engine": crate::ENGINE,
        "seeds": { "from": options.seeds.start, "to": options.seeds.end },
        "interrupted": rows.iter().any(|row| row.tally.seeds < asked(options)),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// The models of these rows, each once.
fn models<'a>(rows: &'a [Row<'_>]) -> Vec<&'a str> {
    let mut models: Vec<&str> = Vec::new();
    for row in rows {
        let model = row.scenario.content.model.get_ref().as_str();
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

/// Of the deadline, if there is one.
fn within(row: &Row<'_>) -> String {
    let deadline = row.scenario.content.deadline;
    deadline.map(|deadline| format!(" within {}", format_span(deadline))).unwrap_or_default()
}

/// The checks of all rows, each once, with the models that have it if not all do.
fn print_what_holds(rows: &[Row<'_>]) {
    let mut checks: Vec<(&str, &str)> = Vec::new();
    for CheckTally { name, when, .. } in rows.iter().flat_map(|row| &row.tally.checks) {
        if !checks.contains(&(when, name)) {
            checks.push((when, name));
        }
    }
    for (when, name) in checks {
        let has = |row: &Row<'_>| row.tally.checks.iter().any(|check| check.name == name);
        let of: Vec<&str> = models(rows)
            .into_iter()
            .filter(|model| rows.iter().any(|row| row.scenario.content.model.get_ref() == model && has(row)))
            .collect();
        let of = if rows.iter().all(has) { String::new() } else { format!(" ({})", of.join(", ")) };
        say(&format!("  holds     {when}: {name}{of}"));
    }
}

/// A line for each row, spans in milliseconds.
pub(super) fn csv(rows: &[Row<'_>]) -> String {
    let span = |span: Option<Duration>| span.map(|span| milliseconds(span).to_string()).unwrap_or_default();
    let mut head: Vec<String> = rows[0].values.iter().map(|(key, _)| csv_cell(key)).collect();
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
            "seed_availability_median",
            "seed_availability_low",
            "seed_availability_high",
            "seed_stale_share_median",
            "seed_stale_share_low",
            "seed_stale_share_high",
            "sent",
            "dropped",
        ]
        .map(String::from),
    );
    let gauges: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.tally.runs.gauges()).map(|(name, _)| name).collect();
    for name in &gauges {
        let name = name.replace(' ', "_");
        let mean = ["mean_median", "mean_low", "mean_high"];
        let above_zero = ["above_zero_median_ms", "above_zero_low_ms", "above_zero_high_ms"];
        head.extend(
            [mean, above_zero].concat().iter().map(|column| csv_cell(&format!("seed_{name}_{column}"))),
        );
    }
    let mut text = head.join(",") + "\n";
    for row in rows {
        let tally = &row.tally;
        let mut cells: Vec<String> = row.values.iter().map(|(_, value)| csv_cell(value)).collect();
        let operations = tally.operations;
        let counts = [tally.seeds, tally.failing, operations.ok, operations.failed, operations.unknown];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(operations.open.to_string());
        cells.extend(RANKS.map(|(_, rank)| span(tally.runs.latency(rank))));
        let [p50, _, p99] = tally.runs.percentiles();
        cells.extend([p50, p99].map(|value| estimate_cells(value, 1e6)));
        let shares = [tally.runs.availability(), tally.runs.stale()];
        cells.extend(shares.map(|value| estimate_cells(value, 1e9)));
        cells.extend([tally.sent, tally.dropped].map(|count| count.to_string()));
        for name in &gauges {
            let of_row = tally.runs.gauges().find(|(other, _)| other == name);
            let [mean, above_zero] = of_row.map_or([None; 2], |(_, values)| values);
            cells.extend([estimate_cells(mean, 1e9), estimate_cells(above_zero, 1e6)]);
        }
        text += &(cells.join(",") + "\n");
    }
    text
}

/// The summary, for a person.
///
/// Of the figures, which are `written`, some that would suit were `not_drawn`.
pub(super) fn print(options: &Options, rows: &[Row<'_>], written: &[String], not_drawn: &[&str]) {
    let Row { scenario, .. } = &rows[0];
    let model = models(rows).join(", ");
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
    let done: u64 = rows.iter().map(|row| row.tally.seeds).sum();
    let all = asked(options) * rows.len() as u64;
    if rows.len() > 1 && done == all && rows.iter().all(|row| row.tally.holds()) {
        say("  all checks hold in every row:");
        print_what_holds(rows);
    }
    if rows.len() > 1 && done < all && rows.iter().all(|row| row.tally.failing == 0) {
        say("  no check is violated in any row so far");
    }
    if !written.is_empty() {
        say("");
    }
    for file in written {
        say(&format!("  wrote {file}"));
    }
    // Whoever names plots here knows.
    if !not_drawn.is_empty() && !options.set.iter().any(|set| set.trim_start().starts_with("plots")) {
        let names = not_drawn.join(", ");
        say(&format!(
            "  not drawn, as the scenario names its plots: {names}; --set 'plots=[]' draws what suits"
        ));
    }
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
    let at_rank = |(name, rank)| Some(format!("{name} {}", rounded(tally.runs.latency(rank)?)));
    let latencies: Vec<String> = RANKS.into_iter().filter_map(at_rank).collect();
    if !latencies.is_empty() {
        say(&format!("  latency      {}", latencies.join("   ")));
    }
    let [p50, _, p99] = tally.runs.percentiles();
    let available = format!("availability{}", within(row));
    let per_seed = [
        ("p50", with_band(p50, ", 95 % confidence ", latency)),
        ("p99", with_band(p99, ", 95 % confidence ", latency)),
        (&*available, with_band(tally.runs.availability(), ", 95 % confidence ", share_text)),
        ("stale reads", with_band(tally.runs.stale(), ", 95 % confidence ", share_text)),
    ];
    let per_seed = per_seed.into_iter().filter_map(|(name, text)| Some((name.to_string(), text?)));
    let gauges = tally.runs.gauges().flat_map(|(name, [mean, above_zero])| {
        let mean = with_band(mean, ", 95 % confidence ", share_text)
            .map(|text| (format!("{name} (mean over time)"), text));
        let above = with_band(above_zero, ", 95 % confidence ", latency);
        [mean, above.map(|text| (format!("{name} (time above zero)"), text))]
    });
    let per_seed = per_seed.chain(gauges.flatten());
    for (place, (name, text)) in per_seed.enumerate() {
        let head = if place == 0 { "per seed" } else { "" };
        say(&format!("  {head:<12} {name} median {text}"));
    }
    say(&format!("  messages     {} between nodes; {} dropped", tally.sent, tally.dropped));
    for (place, (kind, (took_place, touched))) in tally.faults.iter().enumerate() {
        let head = if place == 0 { "faults" } else { "" };
        say(&format!("  {head:<12} {kind} in {took_place} seeds, touched something in {touched}"));
    }
}

/// A median, and its band after `between`.
fn with_band(value: Option<OverSeeds>, between: &str, text: fn(u64) -> String) -> Option<String> {
    let OverSeeds { median, band } = value?;
    let band = band.map(|(low, high)| format!("{between}[{}, {}]", text(low), text(high)));
    Some(text(median) + &band.unwrap_or_default())
}

/// To four digits.
fn latency(nanoseconds: u64) -> String {
    rounded(Duration::from_nanos(nanoseconds))
}

fn print_table(rows: &[Row<'_>]) {
    let mut table: Vec<Vec<String>> = vec![rows[0].values.iter().map(|(key, _)| key.clone()).collect()];
    let heads = [
        "seeds",
        "failing",
        "ok",
        "failed",
        "unknown",
        "open",
        "p50",
        "p99",
        "p99 per seed, 95 % confidence",
    ];
    table[0].extend(heads.map(String::from));
    table[0].push(format!("available{}", within(&rows[0])));
    let reads = rows.iter().any(|row| row.tally.runs.stale().is_some());
    table[0].extend(reads.then(|| "stale reads".to_string()));
    for row in rows {
        let tally = &row.tally;
        let mut cells: Vec<String> = row.values.iter().map(|(_, value)| value.clone()).collect();
        let operations = tally.operations;
        cells.extend([tally.seeds, tally.failing].map(|count| count.to_string()));
        let counts = [operations.ok, operations.failed, operations.unknown, operations.open];
        cells.extend(counts.map(|count| count.to_string()));
        let span = |span: Option<Duration>| span.map_or("-".to_string(), rounded);
        cells.extend([span(tally.runs.latency(0.5)), span(tally.runs.latency(0.99))]);
        let [_, _, tail] = tally.runs.percentiles();
        let mut measures = vec![with_band(tail, " ", latency)];
        measures.push(with_band(tally.runs.availability(), " ", share_text));
        measures.extend(reads.then(|| with_band(tally.runs.stale(), " ", share_text)));
        cells.extend(measures.into_iter().map(|text| text.unwrap_or("-".to_string())));
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
                    lines.push(format!("            replay  {}", failure::replay_line(file)));
                }
                if let Some(Shrunk { case, before, after, .. }) = &failure.shrunk {
                    let (before, after) = (sized(before), sized(after));
                    lines.push(format!("            shrunk  from {before}\n                    to {after}"));
                    lines.extend(case.to_string().lines().map(|line| format!("              {line}")));
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
        lines.push(format!("  violated  faults: nothing is touched by {kind} in any seed"));
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
