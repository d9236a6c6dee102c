//! What ARCHITECTURE.md says of the layout is true.

use crate::harness::root;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of ours a crate may depend on (ARCHITECTURE.md, "Crates").
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("trace", &["hopline-model"]),
    ("storage", &["hopline-model", "hopline-trace"]),
    ("collector", &["hopline-model", "hopline-storage"]),
    ("query", &["hopline-model", "hopline-storage", "hopline-trace"]),
    ("server", &["hopline-collector", "hopline-demo", "hopline-model", "hopline-query", "hopline-storage", "hopline-trace"]),
    ("demo", &[]),
    ("tests", &["hopline-model"]),
    ("tests/load", &[]),
];

fn files(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().filter(|name| name.ends_with(ending)).map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

#[test]
fn crate_arrows() {
    for (folder, allowed) in ARROWS {
        let manifest: toml::Table = read(&Path::new(folder).join("Cargo.toml")).parse().unwrap();
        let ours: BTreeSet<&str> = ["dependencies", "dev-dependencies"]
            .iter()
            .filter_map(|table| manifest.get(*table)?.as_table())
            .flat_map(|table| table.keys())
            .map(String::as_str)
            .filter(|name| name.starts_with("hopline-"))
            .collect();
        let wrong: Vec<_> = ours.iter().filter(|name| !allowed.contains(name)).collect();
        assert!(wrong.is_empty(), "{folder} may not depend on {wrong:?}");
    }
}

/// Foreign words stay where they belong.
#[test]
fn what_each_part_does_not_know() {
    let rules: &[(&[&str], &[&str])] = &[
        // OTLP lives in collector, in the encoder that reads it back, in what sends (demo) and in tests.
        (&["opentelemetry_proto"], &["collector/", "query/", "tests/", "demo/"]),
        (&["datafusion::"], &["query/"]),
        (&["tantivy::", "sync_all(", "sync_data("], &["storage/", "tests/"]),
        // `failpoint` ends the process where a fault test says so; a release build has none of it.
        (
            &["std::env::var", "env::args"],
            &["server/", "tests/", "collector/tests/", "demo/", "storage/src/failpoint.rs", "storage/src/tests/", "storage/benches/"],
        ),
    ];
    let mut wrong = Vec::new();
    for path in files(".rs") {
        let text = read(&path);
        let name = path.to_string_lossy();
        for (words, homes) in rules {
            // This file names what it forbids.
            if name == "tests/tidy.rs" {
                continue;
            }
            if homes.iter().any(|home| name.starts_with(home)) {
                continue;
            }
            wrong.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{name} names {word}, which belongs to {homes:?}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every folder of source has a cover page: `mod.rs`, `lib.rs`, `main.rs` or the file of its name beside it, beginning with `//!`.
#[test]
fn every_folder_has_its_cover() {
    let folders: BTreeSet<PathBuf> =
        files(".rs").iter().filter_map(|path| path.parent().map(Path::to_path_buf)).filter(|folder| folder.as_os_str() != "").collect();
    let mut wrong = Vec::new();
    for folder in folders {
        let beside = folder.with_extension("rs");
        let covers = [folder.join("mod.rs"), folder.join("lib.rs"), folder.join("main.rs"), beside];
        let crate_root = root().join(&folder).join("Cargo.toml").exists();
        // Folders that cargo reads by convention hold programs of their own.
        let by_convention =
            folder.file_name().is_some_and(|name| ["benches", "examples", "tests", "bin", "fuzz_targets"].iter().any(|known| name == *known));
        let has_cover = covers.iter().any(|cover| read(cover).trim_start().starts_with("//!") || read(cover).contains("\n//!"));
        let tests_only = folder.ends_with("tests") || folder.components().any(|part| part.as_os_str() == "tests");
        if !has_cover && !crate_root && !by_convention && !tests_only {
            wrong.push(folder.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "no cover page (`//!` in mod.rs) in: {wrong:?}");
}

/// Every path that ARCHITECTURE.md names in backticks exists, and every folder at the top is named.
#[test]
fn architecture_names_what_exists() {
    let text = read(Path::new("ARCHITECTURE.md"));
    let mut missing = Vec::new();
    for quoted in text.split('`').skip(1).step_by(2) {
        let is_path = quoted.contains('/') && !quoted.contains([' ', '<', '{', '*', ':']) && !quoted.starts_with(['/', '.', '-']);
        if is_path && !root().join(quoted.trim_end_matches('/')).exists() {
            missing.push(quoted.to_string());
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    let tops: BTreeSet<String> = files("")
        .iter()
        .filter(|path| path.components().count() > 1)
        .filter_map(|path| path.components().next())
        .map(|top| top.as_os_str().to_string_lossy().into_owned())
        .collect();
    let unnamed: Vec<_> = tops.iter().filter(|top| !text.contains(top.as_str())).collect();
    assert!(unnamed.is_empty(), "ARCHITECTURE.md does not name {unnamed:?}");
}

/// Nothing is left for later in silence, no test sleeps, and a clone needs nothing beside it.
#[test]
fn nothing_unfinished_or_outside() {
    // Written in two halves, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
        concat!("../sh", "ared"),
        concat!("/work/", "shared"),
        concat!("/root/", "wt"),
    ];
    let mut wrong = Vec::new();
    for ending in [".rs", ".ts", ".tsx", ".md", ".py", ".mjs", ".toml", ".yaml", "Makefile", ".sh"] {
        for path in files(ending) {
            let name = path.to_string_lossy().into_owned();
            if name.contains("fixtures/") || name.contains("node_modules/") {
                continue;
            }
            let text = read(&path);
            for (number, line) in text.lines().enumerate() {
                wrong.extend(words.iter().filter(|word| line.contains(*word)).map(|word| format!("{name}:{}: {word}", number + 1)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lists the longest files; does not fail on them.
#[test]
fn longest_files() {
    let mut sizes: Vec<(usize, String)> = files(".rs")
        .iter()
        .filter(|path| !path.to_string_lossy().contains("tests"))
        .map(|path| (read(path).lines().count(), path.display().to_string()))
        .collect();
    sizes.sort_by(|a, b| b.cmp(a));
    let under = sizes.iter().filter(|(lines, _)| *lines <= 400).count();
    println!("{under} of {} source files have at most 400 lines; the longest:", sizes.len());
    sizes.iter().take(5).for_each(|(lines, name)| println!("  {lines:5} {name}"));
}
