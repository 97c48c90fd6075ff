//! A preview as JSON for programs: as the contract names it, but with the smallest and largest value
//! of columns of numbers as numbers, as their sum is. Deliberately nothing else differs.

use proto::ingestion::Preview;
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    output,
};

/// The preview over several lines.
///
/// # Errors
/// Where the message is not part of the contract.
pub fn preview(preview: &Preview) -> Result<String> {
    let broken = |error| Error::Failed(format!("the preview cannot be shown: {error}"));
    let mut json: Value = serde_json::from_str(&output::to_json(preview)?).map_err(broken)?;
    let columns = json.get_mut("columns").and_then(Value::as_array_mut);
    for column in columns
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if column.get("type").and_then(Value::as_str) == Some("number") {
            number(column, "min");
            number(column, "max");
        }
    }
    serde_json::to_string_pretty(&json).map_err(broken)
}

/// Makes a number of a text that is one, and null of an empty one.
fn number(column: &mut Map<String, Value>, name: &str) {
    let Some(value) = column.get_mut(name) else {
        return;
    };
    let number = value.as_str().map(|text| text.parse::<f64>().ok());
    if let Some(number) = number {
        *value = number.map_or(Value::Null, Value::from);
    }
}

#[cfg(test)]
mod tests {
    use proto::ingestion::ColumnReport;

    use super::*;

    #[test]
    fn numbers_are_numbers_and_dates_are_not() {
        let column = |kind: &str, min: &str, sum: f64| ColumnReport {
            r#type: kind.to_owned(),
            min: min.to_owned(),
            max: min.to_owned(),
            sum,
            ..ColumnReport::default()
        };
        let columns = vec![
            column("number", "-4533.75", 118_726_350.29),
            column("date", "2013-09-01", 0.0),
            column("number", "", 0.0),
        ];
        let told = Preview {
            columns,
            row_count: 700,
            ..Preview::default()
        };
        let text = preview(&told).expect("serialises");
        let json: Value = serde_json::from_str(&text).expect("is JSON");
        assert_eq!(json["row_count"], 700);
        assert_eq!(json["columns"][0]["min"], -4533.75);
        assert_eq!(json["columns"][0]["sum"], 118_726_350.29);
        assert!(text.contains("118726350.29"), "{text}");
        assert_eq!(json["columns"][1]["max"], "2013-09-01");
        assert_eq!(json["columns"][2]["min"], Value::Null);
    }
}
