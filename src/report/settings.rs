//! Turns settings of any depth into the rows of a table.

use serde_json::{Map, Value};

/// Name and value of each setting in `settings`. Settings outside of groups come first. A group within a group is one row.
pub(super) fn settings_rows(settings: &Value) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    if let Value::Object(members) = settings {
        let (alone, groups): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| !value.is_object());
        rows.extend(alone.into_iter().map(|(name, value)| [name.clone(), line(value)]));
        for (name, group) in groups {
            let Value::Object(members) = group else { continue };
            rows.extend(members.iter().map(|(member, value)| [format!("{name}: {member}"), line(value)]));
        }
    }
    rows
}

fn line(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(line).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members_line(members),
        other => other.to_string(),
    }
}

fn members_line(members: &Map<String, Value>) -> String {
    members.iter().map(|(name, value)| format!("{name} {}", line(value))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_setting_is_a_row() {
        let settings = json!({
            "epochs": 10, "epsilon": 1e-7, "limit": null, "checks": true,
            "products": { "dw of 4 x 4": { "kernel": "tile", "parts": 3 } },
            "dataset": { "name": "cifar10", "size": [32, 32, 3] },
        });
        let rows = settings_rows(&settings);
        let rows: Vec<(&str, &str)> = rows.iter().map(|[name, value]| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("checks", "true"),
            ("epochs", "10"),
            ("epsilon", "1e-7"),
            ("limit", "–"),
            ("dataset: name", "cifar10"),
            ("dataset: size", "32, 32, 3"),
            ("products: dw of 4 x 4", "kernel tile, parts 3"),
        ];
        assert_eq!(rows, expected);
        assert!(settings_rows(&Value::Null).is_empty());
    }
}
