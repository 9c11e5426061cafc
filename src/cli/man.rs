//! The manual page, resumed(8): made of the same texts as `--help`, and what only a page has room for.

use std::ffi::OsString;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::CommandLine;
use super::help::{GLUE, with_notes};

const SIGNALS: [(&str, &str); 2] = [
    (
        "HUP",
        "Reads the settings again, and the files that they name. What needs a restart is named in the log; settings that \
         are wrong change nothing.",
    ),
    (
        "TERM, INT",
        "No new connections. Running uploads stop at the next batch, what came is durable, their clients hear 503 with \
         Retry-After and go on after the restart. After --shutdown-timeout, or at a second signal, the daemon exits at \
         once; nothing that was acknowledged is lost.",
    ),
];

const FILES: [(&str, &str); 6] = [
    (
        "DATA-DIR/files/",
        "Finished files, under the names that --layout gives them. Take them away as you like.",
    ),
    (
        "DATA-DIR/uploads/",
        "Uploads in progress, and the record (JSON) of each upload. Not to be changed by hand.",
    ),
    ("DATA-DIR/keys/", "Which upload a client's own name leads to (Resumable.js)."),
    ("DATA-DIR/.spare", "Room for records when the disk is full."),
    ("DATA-DIR/.control", "The socket by which resumed rm and expire reach the daemon."),
    ("DATA-DIR/damaged/", "What resumed fsck --repair has put aside. Nobody misses it but you."),
];

const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "It went well. For fsck: nothing is wrong."),
    ("1", "It did not; standard error says why in one line. For fsck: all that was wrong was mended."),
    ("2", "A flag, a variable or the settings file is wrong; standard error names it."),
    ("4", "fsck found something, and left it."),
    ("8", "fsck could not look, or could not begin to mend."),
];

/// The page as roff.
pub(super) fn page() -> Vec<u8> {
    let mut page = Vec::new();
    // Writing into memory does not fail.
    let _ = write(&mut page);
    String::from_utf8_lossy(&page).replace(GLUE, " ").into_bytes()
}

fn write(page: &mut Vec<u8>) -> std::io::Result<()> {
    let command = with_notes(CommandLine::command(), &[OsString::from("--help")]);
    let man = Man::new(command.clone()).title("RESUMED").section("8").manual("System Manager's Manual");
    man.render_title(page)?;
    // A torn name can't be searched for nor copied.
    let mut whole_words = Roff::new();
    whole_words.control("nh", []).control("ad", ["l"]);
    whole_words.to_writer(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    after(page, &command)?;
    man.render_options_section(page)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(page, &format!("resumed {}", command.get_name()).to_uppercase(), |roff| {
            roff.text([roman(command.get_about().map(ToString::to_string).unwrap_or_default() + ".")]);
            for arg in command.get_arguments().filter(|arg| arg.get_env().is_none() && arg.get_id() != "help")
            {
                let flag = match (arg.get_long(), arg.get_value_names()) {
                    (Some(long), Some([value, ..])) if arg.get_action().takes_values() => {
                        format!("--{long} {value}")
                    }
                    (Some(long), _) => format!("--{long}"),
                    (None, names) => {
                        names.and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default()
                    }
                };
                tagged(roff, &flag, &(arg.get_help().map(ToString::to_string).unwrap_or_default() + "."));
            }
        })?;
        after(page, command)?;
    }
    for (name, entries) in
        [("SIGNALS", &SIGNALS[..]), ("FILES", &FILES[..]), ("EXIT STATUS", &EXIT_STATUS[..])]
    {
        section(page, name, |roff| entries.iter().for_each(|(tag, text)| tagged(roff, tag, text)))?;
    }
    man.render_version_section(page)
}

/// What stands below a command's flags in its help.
fn after(page: &mut Vec<u8>, command: &Command) -> std::io::Result<()> {
    let Some(more) = command.get_after_help() else { return Ok(()) };
    let mut roff = Roff::new();
    roff.control("PP", []);
    roff.text([roman(more.to_string().replace('\n', " "))]);
    roff.to_writer(page)
}

fn section(page: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Roff)) -> std::io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [name]);
    fill(&mut roff);
    roff.to_writer(page)
}

fn tagged(roff: &mut Roff, tag: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(tag)]);
    roff.text([roman(text)]);
}
