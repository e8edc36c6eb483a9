//! What `doctor` says of a server's settings.

use serde::Serialize;

use super::{Format, Output};
use crate::event::add_line;
use crate::status::Status;
use crate::store::ServerSetting;

/// `setting`.
#[derive(Serialize)]
struct SettingLine<'a> {
    name: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    danger: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// Tells settings; one that can lose what was acknowledged is a violation.
pub fn settings(mut output: Output, format: Format, settings: &[ServerSetting]) -> Status {
    for ServerSetting {
        name,
        value,
        danger,
        note,
    } in settings
    {
        let (danger, note) = (danger.as_deref(), note.as_deref());
        match format {
            Format::Text => {
                let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
                let verdict = danger.unwrap_or("ok");
                output.line(format_args!("{name} = '{value}': {verdict}{note}"));
            }
            Format::Json => {
                let line = SettingLine {
                    name,
                    value,
                    danger,
                    note,
                };
                // Memory takes every byte, so nothing fails.
                drop(add_line(&mut output.block, "setting", &line));
            }
        }
    }
    let is_safe = settings.iter().all(|setting| setting.danger.is_none());
    let found = match is_safe {
        true => Status::Posted,
        false => Status::Violation,
    };
    found.worse(output.finish())
}
