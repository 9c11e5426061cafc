//! The report as JSON: one object, stable names.

use serde_json::{Value, json};

use crate::{
    case::Level,
    report::{Outcome, Report, Tested},
};

pub(super) fn write(report: &Report) -> String {
    let totals = report.totals();
    let counts = Level::ALL.map(|level| {
        let count = totals.of(level);
        let value = json!({"passed": count.passed, "failed": count.failed, "skipped": count.skipped});
        (level.name().to_owned(), value)
    });
    let document = json!({
        "url": report.url,
        "offers": report.url.as_ref().map(|_| &report.offers),
        "resumable": report
            .receiver
            .as_ref()
            .map(|receiver| json!({"url": receiver.url, "offers": receiver.offers})),
        "totals": Value::Object(counts.into_iter().collect()),
        "seconds": report.duration.as_secs_f64(),
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn case(tested: &Tested) -> Value {
    let mut value = json!({
        "name": tested.name,
        "statement": tested.statement,
        "protocol": tested.protocol,
        "group": tested.group,
        "level": tested.level,
        "demand": tested.demand,
        "seconds": tested.duration.as_secs_f64(),
    });
    let more = match &tested.outcome {
        Outcome::Passed => json!({"status": "passed"}),
        Outcome::Skipped { reason } => json!({"status": "skipped", "reason": reason}),
        Outcome::Failed { reason, exchanges } => {
            json!({"status": "failed", "reason": reason, "exchanges": exchanges})
        }
    };
    if let (Some(object), Value::Object(more)) = (value.as_object_mut(), more) {
        object.extend(more);
    }
    value
}

#[cfg(test)]
mod tests {
    use crate::report::example;

    #[test]
    fn is_json_with_everything_in_it() {
        let value: serde_json::Value = serde_json::from_str(&example().to_json()).unwrap();
        assert_eq!(value["totals"]["must"]["failed"], 1);
        assert_eq!(value["offers"]["extensions"][0], "creation");
        assert_eq!(value["cases"][1]["status"], "failed");
        assert_eq!(value["cases"][1]["statement"], "C8");
        assert_eq!(value["cases"][1]["level"], "must");
        assert_eq!(value["cases"][3]["reason"], "no \"CORS\"");
        assert_eq!(
            (&value["cases"][3]["protocol"], &value["cases"][4]["protocol"]),
            (&"tus".into(), &"resumablejs".into())
        );
        assert_eq!(value["resumable"]["url"], "http://localhost/chunks");
        assert_eq!(value["resumable"]["offers"]["status"], true);
        let only = crate::report::Report { url: None, ..example() };
        let value: serde_json::Value = serde_json::from_str(&only.to_json()).unwrap();
        assert!(value["url"].is_null() && value["offers"].is_null());
    }
}
