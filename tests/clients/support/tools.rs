//! Where the foreign clients come from: installed once below the target directory, by lock file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Set to `all`, it makes a client that can't be had an error. For CI, where silence would look like success.
const REQUIRED: &str = "RESUMED_TEST_CLIENTS";

/// The folder of this suite in the source tree.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// tus-js-client, as an argument-less `node`.
pub(crate) fn node() -> Option<Command> {
    static MODULES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let modules = MODULES.get_or_init(|| {
        let source = sources().join("js");
        let files = ["package.json", "package-lock.json", ".npmrc"];
        let work = |dir: &Path| {
            for file in files {
                fs::copy(source.join(file), dir.join(file)).map_err(|error| format!("{file}: {error}"))?;
            }
            run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-update-notifier"]).current_dir(dir))
        };
        // It may be gone since the last time.
        let found = run(Command::new("node").arg("--version"));
        let installed = found.and_then(|()| install("js", &source, &files, work));
        or_left_out(installed, "tus-js-client", "install Node.js 18 or newer with npm")
    });
    let mut node = Command::new("node");
    node.env("NODE_PATH", modules.as_ref()?.join("node_modules"));
    Some(node)
}

/// tuspy and aiotus, as an argument-less `python`.
pub(crate) fn python() -> Option<Command> {
    static VENV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let venv = VENV.get_or_init(|| {
        let source = sources().join("py");
        let work = |dir: &Path| {
            run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
            let mut pip = Command::new(dir.join("bin/python"));
            // Every package is listed, so that nothing is resolved and nothing is built.
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            run(pip.args(["--only-binary", ":all:", "-r"]).arg(source.join("requirements.txt")))
        };
        let found = run(Command::new("python3").arg("--version"));
        let installed = found.and_then(|()| install("py", &source, &["requirements.txt"], work));
        or_left_out(installed, "tuspy and aiotus", "install Python 3.10 or newer with venv and pip")
    });
    Some(Command::new(venv.as_ref()?.join("bin/python")))
}

/// curl, driven by a shell script.
pub(crate) fn curl() -> Option<Command> {
    static FOUND: OnceLock<Option<()>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let found =
            run(Command::new("curl").arg("-V")).and_then(|()| run(Command::new("bash").arg("--version")));
        or_left_out(found, "curl", "install curl and bash")
    });
    found.as_ref()?;
    let mut shell = Command::new("bash");
    shell.arg(sources().join("sh/curl.sh"));
    Some(shell)
}

/// Installs into a folder below the target directory, unless what is there was made from the same files.
fn install(
    name: &str,
    source: &Path,
    files: &[&str],
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    fs::create_dir_all(&home).unwrap();
    // Some runners give each test a process of its own; one of them installs, the others wait.
    let lock = File::create(home.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let (dir, stamp) = (home.join(name), home.join(format!("{name}.stamp")));
    let wanted: String = files.iter().map(|file| fs::read_to_string(source.join(file)).unwrap()).collect();
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) && dir.is_dir() {
        return Ok(dir);
    }
    let _ = fs::remove_file(&stamp);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    work(&dir)?;
    fs::write(&stamp, wanted).unwrap();
    Ok(dir)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", said.lines().last().unwrap_or("failed without a word")))
}

fn or_left_out<T>(found: Result<T, String>, what: &str, how: &str) -> Option<T> {
    found
        .inspect_err(|why| {
            let all = std::env::var_os(REQUIRED).is_some_and(|value| value == "all");
            assert!(!all, "{what} can't be had ({why}) and {REQUIRED}=all is set");
            say(&format!("left out: the tests with {what} ({why}); to run them: {how}"));
        })
        .ok()
}

/// Tells the person before the terminal; what is printed in a test is only shown when it fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
