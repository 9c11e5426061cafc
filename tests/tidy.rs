//! What the compiler can't see: the invariants of the architecture that are about which file names what.
//!
//! Only the program is looked at: comments may speak of anything, and tests may do anything.
#![expect(clippy::unwrap_used, reason = "the helpers fail the test that calls them")]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its comments and its tests.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn is_below(&self, module: &str) -> bool {
        self.path.starts_with(&format!("src/{module}/")) || self.path == format!("src/{module}.rs")
    }

    /// The places that a text stands at, as `path:line: text of the line`.
    fn places(&self, is_hit: impl Fn(&str) -> bool) -> Vec<String> {
        let hits = self.lines.iter().enumerate().filter(|(_, line)| is_hit(line));
        hits.map(|(index, line)| format!("{}:{}: {}", self.path, index + 1, line.trim())).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a directory of the repository.
fn files_below(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// The program: every Rust file of `src`.
fn sources() -> Vec<Source> {
    let sources: Vec<Source> = files_below("src")
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| Source { path: relative(path), lines: program(&fs::read_to_string(path).unwrap()) })
        .collect();
    assert!(sources.len() > 20, "the checks look at nothing");
    sources
}

/// The lines up to the tests, each up to its comment.
fn program(text: &str) -> Vec<String> {
    let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    program.lines().map(|line| line.split("//").next().unwrap().to_owned()).collect()
}

/// Whether a word of the line is this identifier.
fn names(line: &str, identifier: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == identifier)
}

#[track_caller]
fn assert_none(places: Vec<String>, rule: &str) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

#[test]
fn the_engine_and_the_stores_know_no_http() {
    for source in sources().iter().filter(|source| source.is_below("upload") || source.is_below("store")) {
        for word in ["http", "hyper", "hyper_util", "h2", "headers", "protocol"] {
            assert_none(
                source.places(|line| names(line, word)),
                "src/README.md, invariant 1: no HTTP below the adapters",
            );
        }
    }
}

#[test]
fn the_adapters_know_no_store() {
    for source in sources().iter().filter(|source| source.is_below("protocol")) {
        let rule = "src/README.md, invariant 1: adapters ask the engine and never the store";
        // ("no-store" is a word of HTTP.)
        let is_hit = |line: &str| {
            line.contains("store::")
                || line.contains("::store")
                || names(line, "Store")
                || names(line, "StoreError")
        };
        assert_none(source.places(is_hit), rule);
    }
}

#[test]
fn durability_has_one_home() {
    /// What changes names or sizes of files, or makes either durable, however it is called.
    const CALLS: [&str; 20] = [
        "rename",
        "renameat",
        "renameat2",
        "renameat_with",
        "hard_link",
        "link",
        "linkat",
        "symlink",
        "remove_file",
        "remove_dir",
        "remove_dir_all",
        "unlink",
        "unlinkat",
        "sync_all",
        "sync_data",
        "fsync",
        "fdatasync",
        "set_len",
        "ftruncate",
        "fallocate",
    ];
    let is_call = |line: &str| {
        CALLS.iter().any(|call| {
            let called = line.match_indices(&format!("{call}(")).any(|(at, _)| {
                let before = &line[..at];
                // `durable.sync_data(…)` asks the one home; `fn fsync(` and `resync(` are something else.
                let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                is_word && !before.ends_with("durable.") && !before.ends_with("fn ")
            });
            let imported = line.trim_start().starts_with("use ") && names(line, call);
            called || imported
        })
    };
    let sources = sources();
    let (home, others): (Vec<_>, Vec<_>) = sources
        .iter()
        .filter(|source| source.is_below("store"))
        .partition(|source| source.path == "src/store/disk/durable.rs");
    assert!(home.iter().any(|source| !source.places(is_call).is_empty()), "the check finds nothing at home");
    for source in others {
        assert_none(
            source.places(is_call),
            "src/README.md, invariant 2: only store/disk/durable.rs does this",
        );
    }
    for source in sources.iter().filter(|source| source.is_below("upload") || source.is_below("protocol")) {
        assert_none(source.places(is_call), "files are the store's business");
    }
}

#[test]
fn only_conn_names_the_server_of_hyper() {
    let is_hit = |line: &str| line.contains("hyper::server") || line.contains("hyper_util::server");
    let sources = sources();
    let (conn, others): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.is_below("conn"));
    assert!(conn.iter().any(|source| !source.places(is_hit).is_empty()), "the check finds nothing at home");
    for source in others {
        assert_none(source.places(is_hit), "src/README.md, invariant 6: the server of hyper lives in conn/");
    }
}

#[test]
fn only_respond_turns_a_problem_into_an_answer() {
    let is_hit = |line: &str| line.contains("From<Problem>") || line.contains("problem.status;");
    for source in sources().iter().filter(|source| source.path != "src/http/respond.rs") {
        assert_none(
            source.places(is_hit),
            "src/README.md, invariant 6: errors become answers in http/respond.rs",
        );
    }
    // The engine's errors become problems in each protocol's own table.
    for source in sources().iter().filter(|source| source.is_below("upload") || source.is_below("store")) {
        assert_none(source.places(|line| names(line, "StatusCode")), "a status is the adapters' business");
    }
}

#[test]
fn no_file_is_long() {
    for source in sources() {
        let lines = source.lines.len();
        assert!(lines < 500, "{} has {lines} lines before its tests: split it", source.path);
    }
}

#[test]
fn nothing_is_unsafe() {
    for source in sources() {
        assert_none(
            source.places(|line| names(line, "unsafe") || names(line, "unsafe_code")),
            "no unsafe code",
        );
    }
}

#[test]
fn the_map_names_every_place() {
    let map = fs::read_to_string(root().join("src/README.md")).unwrap();
    // Names of code stand between backticks, alone or in a path.
    let code = map.split('`').skip(1).step_by(2);
    let named: Vec<&str> =
        code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let mut missing = Vec::new();
    for path in files_below("src") {
        let path = relative(&path);
        let below: Vec<&str> = path.split('/').skip(1).collect();
        let (file, dirs) = below.split_last().unwrap();
        // Every directory, and every file beside them but the crate's own two.
        let file = file.strip_suffix(".rs").filter(|stem| dirs.is_empty() && !["lib", "main"].contains(stem));
        missing.extend(
            dirs.iter().copied().chain(file).filter(|place| !named.contains(place)).map(str::to_owned),
        );
    }
    missing.dedup();
    assert!(missing.is_empty(), "the code map in src/README.md does not name {missing:?}");
}
