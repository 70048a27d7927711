//! The pages under `reports/`: their commands write the figures that they show, and they name the seed and the
//! digest. A debug build leaves out the sweeps and the zoo. To write all of it anew:
//! `NETSPLIT_REGENERATE=1 cargo test --release -p netsplit-models --test reports`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// A command on a page, and the folder that it writes.
struct Written {
    arguments: Vec<String>,
    folder: String,
}

/// The pages, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(root().join("reports")).expect("the folder of reports");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a page"))).collect()
}

/// The commands of a page: each stands alone on its line, indented as code.
fn commands(page: &str) -> Vec<Written> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("    cargo run --release -- "));
    lines
        .map(|line| {
            let words = words(line);
            let [arguments @ .., out, folder] = &words[..] else { panic!("{line}: too short") };
            assert_eq!(out, "--out", "{line}: writes nothing");
            Written { arguments: arguments.to_vec(), folder: folder.clone() }
        })
        .collect()
}

/// The words of a command, of which some may be between single quotes.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_string).collect(),
        _ => vec![part.to_string()],
    });
    words.collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("a file"))
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            (name, fs::read(entry.path()).expect("a readable file"))
        })
        .collect();
    files.sort();
    files
}

/// The digest of a run, if `files` are of one.
fn digest(files: &[(String, Vec<u8>)]) -> Option<(u64, String)> {
    let (_, summary) = files.iter().find(|(name, _)| name == "summary.json")?;
    let summary: serde_json::Value = serde_json::from_slice(summary).expect("a summary");
    Some((summary["seed"].as_u64()?, summary["digest"].as_str()?.to_string()))
}

#[test]
fn the_reports_are_what_their_commands_write() {
    let regenerate = std::env::var_os("NETSPLIT_REGENERATE").is_some();
    let mut named = Vec::new();
    for (path, mut page) in pages() {
        for Written { arguments, folder } in commands(&page) {
            let kept = root().join(&folder);
            named.push(kept.clone());
            if cfg!(debug_assertions) && ["sweep", "zoo"].contains(&&*arguments[0]) && !regenerate {
                continue;
            }
            let fresh = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&folder);
            let _ = fs::remove_dir_all(&fresh);
            let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
            command.args(&arguments).arg("--out").arg(&fresh).current_dir(root());
            let output = command.output().expect("the command runs");
            assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
            let (before, after) = (files(&kept), files(&fresh));
            if regenerate {
                if let (Some((_, before)), Some((_, after))) = (digest(&before), digest(&after)) {
                    page = page.replace(&before, &after);
                    fs::write(&path, &page).expect("the page can be written");
                }
                let _ = fs::remove_dir_all(&kept);
                fs::create_dir_all(&kept).expect("the folder can be made");
                for (name, content) in &after {
                    fs::write(kept.join(name), content).expect("the file can be written");
                }
            }
            let kept = files(&kept);
            let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
                files.iter().map(|(name, _)| name.clone()).collect()
            };
            assert_eq!(names(&kept), names(&after), "{folder}");
            for ((name, kept), (_, fresh)) in kept.iter().zip(&after) {
                assert!(
                    kept == fresh,
                    "{folder}/{name} is out of date: NETSPLIT_REGENERATE=1 writes it anew"
                );
            }
            if let Some((seed, digest)) = digest(&after) {
                let line = format!("Seed {seed}, digest `{digest}`.");
                assert!(page.contains(&line), "{}: does not say `{line}`", path.display());
            }
        }
    }
    for entry in fs::read_dir(root().join("reports")).expect("the folder of reports") {
        let path = entry.expect("a file").path();
        assert!(!path.is_dir() || named.contains(&path), "no page says what made {}", path.display());
    }
}

#[test]
fn every_figure_of_a_page_is_there() {
    for (path, page) in pages() {
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            assert!(root().join("reports").join(target).exists(), "{}: {target}", path.display());
        }
    }
}
