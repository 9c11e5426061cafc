//! The report as JUnit XML: one suite per group, one test case per case.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use crate::report::{Outcome, Report, Tested};

pub(super) fn write(report: &Report) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = report.totals().all();
    let numbers = (report.cases.len().to_string(), all.failed.to_string(), all.skipped.to_string());
    writer
        .create_element("testsuites")
        .with_attributes([
            ("name", report.protocols().as_str()),
            ("tests", &numbers.0),
            ("failures", &numbers.1),
        ])
        .write_inner_content(|writer| {
            for suite in report.cases.chunk_by(|left, right| left.group == right.group) {
                write_suite(writer, suite)?;
            }
            Ok(())
        })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn write_suite(writer: &mut Writer<Vec<u8>>, cases: &[Tested]) -> io::Result<()> {
    let failed = cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed { .. })).count();
    let skipped = cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped { .. })).count();
    let seconds: f64 = cases.iter().map(|case| case.duration.as_secs_f64()).sum();
    let group = cases.first().map_or("", |case| case.group);
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", group),
            ("tests", &cases.len().to_string()),
            ("failures", &failed.to_string()),
            ("errors", "0"),
            ("skipped", &skipped.to_string()),
            ("time", &format!("{seconds:.3}")),
        ])
        .write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, case)))?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Tested) -> io::Result<()> {
    let time = format!("{:.3}", case.duration.as_secs_f64());
    let class = format!("{}.{}.{}", case.protocol.id(), case.statement, case.level);
    let element = writer.create_element("testcase").with_attributes([
        ("name", case.name.as_str()),
        ("classname", &class),
        ("time", &time),
    ]);
    match &case.outcome {
        Outcome::Passed => {
            element.write_empty()?;
        }
        Outcome::Skipped { reason } => {
            element.write_inner_content(|writer| {
                writer
                    .create_element("skipped")
                    .with_attribute(("message", &*allowed(reason)))
                    .write_empty()?;
                Ok(())
            })?;
        }
        Outcome::Failed { reason, exchanges } => {
            let text = allowed(&format!("{}\n{}", case.demand, exchanges.join("\n")));
            element.write_inner_content(|writer| {
                writer
                    .create_element("failure")
                    .with_attributes([("message", &*allowed(reason)), ("type", case.level.name())])
                    .write_text_content(BytesText::new(&text))?;
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// XML has no way to write most control characters.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};

    use crate::report::example;

    #[test]
    fn is_well_formed_and_escaped() {
        let xml = example().to_junit().unwrap();
        let mut reader = Reader::from_str(&xml);
        let mut starts = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) | Event::Empty(start) => {
                    starts.push(AsRef::<str>::as_ref(&start.name()).to_owned());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let count = |name: &str| starts.iter().filter(|start| *start == name).count();
        assert_eq!((count("testsuite"), count("testcase"), count("failure"), count("skipped")), (1, 5, 2, 1));
        assert!(xml.contains("&lt;at&gt;") && xml.contains("no &quot;CORS&quot;"), "{xml}");
        assert!(xml.contains("classname=\"tus.C8.must\""), "{xml}");
        assert!(xml.contains("classname=\"resumablejs.R2.must\""), "{xml}");
        assert!(xml.contains("name=\"tus 1.0 and Resumable.js 1.1\""), "{xml}");
        assert!(!xml.contains('\u{1b}'));
    }
}
