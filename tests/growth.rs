//! The growth curve in `reports/`: the figure is drawn from the numbers beside it, which a benchmark measured. To draw
//! it anew: `NETSPLIT_REGENERATE=1 cargo test --test growth`.
#![cfg(feature = "plot")]

use netsplit::plot::{self, Figure};
use netsplit::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports").join(name)
}

/// The figure of `nodes,netsplit_ns,floor_ns`.
fn figure(csv: &str) -> Figure {
    let cell = |cell: &str| cell.parse().expect("a number");
    let rows: Vec<Vec<u64>> = csv.lines().skip(1).map(|row| row.split(',').map(cell).collect()).collect();
    let column = |place: usize| rows.iter().map(|row| Duration::from_nanos(row[place])).collect();
    let nodes: Vec<u64> = rows.iter().map(|row| row[0]).collect();
    let lines = [("netsplit", column(1)), ("floor", column(2))];
    let title = "What a message costs as systems grow, one message in flight for each node";
    plot::spans(title, ("nodes", &nodes), "time per message", &lines).expect("a figure")
}

#[test]
fn the_growth_curve_is_drawn_from_the_numbers_beside_it() {
    let csv = fs::read_to_string(beside("growth.csv")).expect("the numbers");
    let Figure { svg, png, csv: shown, .. } = figure(&csv);
    assert_eq!(shown, csv);
    for (name, drawn) in [("growth.svg", svg.into_bytes()), ("growth.png", png)] {
        if std::env::var_os("NETSPLIT_REGENERATE").is_some() {
            fs::write(beside(name), &drawn).expect("the figure can be written");
        }
        let kept = fs::read(beside(name)).unwrap_or_default();
        assert!(kept == drawn, "reports/{name} is out of date: NETSPLIT_REGENERATE=1 draws it anew");
    }
}
