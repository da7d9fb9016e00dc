//! From file, environment and flags to [`Settings`], with refusals that name the setting, its value and what is
//! allowed.

use std::fmt;
use std::path::{Path, PathBuf};

use confique::meta::{Field, FieldKind, Meta};
use confique::{Config, Layer as _};
use serde::Deserialize as _;
use toml::{Table, Value};

use super::secrets::without_secrets;
use super::{Settings, StoreChoice};

type SettingsLayer = <Settings as Config>::Layer;

/// The settings whose values are shown to nobody, not even to those who gave a wrong one.
const SECRETS: [&str; 2] = ["attachments.secret_access_key", "nats.url"];

/// What the names of environment variables begin with.
const VARIABLE_PREFIX: &str = "TORG_";

/// Where settings come from, in order of growing weight.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file. It must exist.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `TORG_` are ignored.
    pub environment: Vec<(String, String)>,
    /// Flags: pairs of a setting's name with dots, and its value. A later one weighs more.
    pub flags: Vec<(String, String)>,
}

/// Where a refused setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
    /// On the command line.
    Flag,
}

/// One reason not to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsProblem {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{} is not TOML: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        reason: String,
    },
    /// There is no such setting.
    #[error("unknown setting '{name}' ({origin}). Allowed here: {allowed}")]
    Unknown {
        /// Its name, with dots.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// The names that exist at this level.
        allowed: String,
    },
    /// A setting has a value that it cannot have.
    #[error("setting '{name}' = {value} ({origin}) is refused: {reason}. Allowed: {allowed}")]
    WrongValue {
        /// Its name, with dots.
        name: String,
        /// Its value.
        value: String,
        /// Where it stands.
        origin: Origin,
        /// What is wrong.
        reason: String,
        /// What the reference says about it.
        allowed: String,
    },
    /// Settings that are right alone contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

/// All reasons not to start, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblems(pub Vec<SettingsProblem>);

/// Reads all sources. Collects every problem, so that a file is mended in one go.
pub fn load(sources: &Sources) -> Result<Settings, SettingsProblems> {
    let mut merged = Merged::default();
    for (name, value) in sources.flags.iter().rev() {
        merged.take_text(name, value, &Origin::Flag);
    }
    for (variable, value) in &sources.environment {
        if variable.starts_with(VARIABLE_PREFIX) && !is_no_setting(variable) {
            match name_of_variable(variable) {
                Some(name) => merged.take_text(&name, value, &Origin::Variable(variable.clone())),
                None => merged.problems.push(unknown(
                    variable,
                    Origin::Variable(variable.clone()),
                    &Settings::META,
                )),
            }
        }
    }
    if let Some(path) = &sources.file {
        merged.take_file(path);
    }

    if !merged.problems.is_empty() {
        return Err(SettingsProblems(merged.problems));
    }
    let contradiction =
        |reason: String| SettingsProblems(vec![SettingsProblem::Contradiction(reason)]);
    let layer = merged.layer.with_fallback(SettingsLayer::default_values());
    let mut settings =
        Settings::from_layer(layer).map_err(|error| contradiction(format!("{error:#}")))?;
    settings.attachments.take_shared_variables(&sources.environment);
    if let Some(reason) = settings.attachments.contradiction() {
        return Err(contradiction(reason));
    }
    if settings.nats.url.is_some() && settings.store == StoreChoice::Sqlite {
        return Err(contradiction(
            "setting 'nats.url' is for several servers on one database, but 'store' is sqlite, which has one server: \
             set 'store' to a URL of PostgreSQL, or leave 'nats.url' out"
                .to_owned(),
        ));
    }
    match shared_host(&settings) {
        Some(host) => {
            Err(contradiction(format!("two APIs have the same host '{host}': each needs its own")))
        }
        None => Ok(settings),
    }
}

/// The reference: every setting with its documentation and its default, as a TOML file in which all is commented out.
pub fn reference() -> String {
    confique::toml::template::<Settings>(confique::toml::FormatOptions::default())
}

/// What has been accepted so far; what came first weighs more.
struct Merged {
    layer: SettingsLayer,
    problems: Vec<SettingsProblem>,
}

impl Default for Merged {
    fn default() -> Self {
        Self { layer: SettingsLayer::empty(), problems: Vec::new() }
    }
}

impl Merged {
    /// Takes a value that has no type yet. It is read as TOML; where that does not fit, as bare text, or as texts
    /// between commas.
    fn take_text(&mut self, name: &str, text: &str, origin: &Origin) {
        let bare = Value::String(text.to_owned());
        let listed = Value::Array(
            text.split(',').map(|item| Value::String(item.trim().to_owned())).collect(),
        );
        let readings = [as_toml(text), Some(bare), Some(listed)];
        let Some(field) = leaf(name) else {
            return self.problems.push(unknown(name, origin.clone(), meta_around(name)));
        };
        let mut first_reason = None;
        for value in readings.into_iter().flatten() {
            match layer_of(name, value) {
                Ok(layer) => return self.accept(layer),
                Err(reason) => first_reason = first_reason.or(Some(reason)),
            }
        }
        self.problems.push(SettingsProblem::WrongValue {
            name: name.to_owned(),
            value: shown(name, &format!("{text:?}")),
            origin: origin.clone(),
            reason: without_secrets(&first_reason.unwrap_or_default()),
            allowed: documentation(field),
        });
    }

    fn take_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let problem = SettingsProblem::Unreadable {
                    path: path.to_owned(),
                    reason: error.to_string(),
                };
                return self.problems.push(problem);
            }
        };
        match text.parse() {
            Ok(table) => {
                self.take_table("", table, &Settings::META, &Origin::File(path.to_owned()));
            }
            Err(error) => {
                let error: toml::de::Error = error;
                let reason = without_secrets(error.to_string().trim_end());
                self.problems.push(SettingsProblem::NotToml { path: path.to_owned(), reason });
            }
        }
    }

    fn take_table(&mut self, section: &str, table: Table, meta: &'static Meta, origin: &Origin) {
        for (key, value) in table {
            let name = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
            let Some(field) = meta.fields.iter().find(|field| field.name == key) else {
                self.problems.push(unknown(&name, origin.clone(), meta));
                continue;
            };
            match (&field.kind, value) {
                (FieldKind::Nested { meta }, Value::Table(table)) => {
                    self.take_table(&name, table, meta, origin);
                }
                (FieldKind::Nested { .. } | FieldKind::Leaf { .. }, value) => {
                    let shown = shown(&name, &value.to_string());
                    match layer_of(&name, value) {
                        Ok(layer) => self.accept(layer),
                        Err(reason) => self.problems.push(SettingsProblem::WrongValue {
                            name,
                            value: shown,
                            origin: origin.clone(),
                            reason: without_secrets(&reason),
                            allowed: documentation(field),
                        }),
                    }
                }
            }
        }
    }

    fn accept(&mut self, layer: SettingsLayer) {
        let heavier = std::mem::replace(&mut self.layer, SettingsLayer::empty());
        self.layer = heavier.with_fallback(layer);
    }
}

/// A layer that holds only `name`, if `value` fits.
fn layer_of(name: &str, value: Value) -> Result<SettingsLayer, String> {
    let nested = name
        .rsplit('.')
        .fold(value, |inner, key| Value::Table(Table::from_iter([(key.to_owned(), inner)])));
    SettingsLayer::deserialize(nested).map_err(|error| {
        let reason = error.message();
        reason.strip_prefix("validation failed: ").unwrap_or(reason).to_owned()
    })
}

/// A refused value, as the refusal shows it.
fn shown(name: &str, value: &str) -> String {
    if SECRETS.contains(&name) { "(not shown)".to_owned() } else { without_secrets(value) }
}

fn as_toml(text: &str) -> Option<Value> {
    let mut table: Table = format!("value = {text}").parse().ok()?;
    // More than one key: the text had a line break in it.
    (table.len() == 1).then(|| table.remove("value"))?
}

fn leaf(name: &str) -> Option<&'static Field> {
    let key = name.rsplit('.').next()?;
    let field = meta_of(name.strip_suffix(key)?.trim_end_matches('.'))?
        .fields
        .iter()
        .find(|field| field.name == key)?;
    matches!(field.kind, FieldKind::Leaf { .. }).then_some(field)
}

/// The section called `name`; the empty name is the whole.
fn meta_of(name: &str) -> Option<&'static Meta> {
    name.split('.').filter(|key| !key.is_empty()).try_fold(&Settings::META, |meta, key| {
        meta.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Nested { meta } if field.name == key => Some(*meta),
            FieldKind::Nested { .. } | FieldKind::Leaf { .. } => None,
        })
    })
}

/// The section in which the unknown `name` would stand, as far as it exists.
fn meta_around(name: &str) -> &'static Meta {
    let section = name.rsplit_once('.').map_or("", |(section, _)| section);
    meta_of(name).or_else(|| meta_of(section)).unwrap_or(&Settings::META)
}

fn unknown(name: &str, origin: Origin, around: &Meta) -> SettingsProblem {
    let allowed = around.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
    SettingsProblem::Unknown { name: name.to_owned(), origin, allowed }
}

fn documentation(field: &Field) -> String {
    field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// `TORG_OZON_ENABLED` is `ozon.enabled`.
fn name_of_variable(variable: &str) -> Option<String> {
    let mut names = Vec::new();
    collect_names("", &Settings::META, &mut names);
    names.into_iter().find(|name| variable_of_name(name) == variable)
}

fn variable_of_name(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.replace('.', "_").to_uppercase())
}

fn collect_names(section: &str, meta: &'static Meta, names: &mut Vec<String>) {
    for field in meta.fields {
        let name = if section.is_empty() {
            field.name.to_owned()
        } else {
            format!("{section}.{}", field.name)
        };
        match &field.kind {
            FieldKind::Leaf { .. } => names.push(name),
            FieldKind::Nested { meta } => collect_names(&name, meta, names),
        }
    }
}

/// Kubernetes gives every container variables about each service; a service called "torg" must not keep the server from
/// starting. Nor must where `torg migrate-store` was told to move to, nor what the tests, which start the server, are told
/// about their databases.
fn is_no_setting(variable: &str) -> bool {
    matches!(variable, "TORG_PORT" | "TORG_MIGRATE_TO")
        || ["TORG_PORT_", "TORG_SERVICE_", "TORG_TEST_"]
            .iter()
            .any(|prefix| variable.starts_with(prefix))
}

fn shared_host(settings: &Settings) -> Option<&str> {
    let hosts: Vec<&str> = [
        &settings.native.host,
        &settings.ozon.host,
        &settings.yandex_market.host,
        &settings.partizap.host,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
    .collect();
    let is_repeated = |(index, host): (usize, &&str)| {
        hosts[..index].iter().any(|other| other.eq_ignore_ascii_case(host))
    };
    hosts.iter().enumerate().find(|entry| is_repeated(*entry)).map(|(_, host)| *host)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(variable) => write!(f, "environment variable {variable}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

impl fmt::Display for SettingsProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for SettingsProblems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut names = Vec::new();
        collect_names("", &Settings::META, &mut names);
        let mut variables: Vec<_> = names.iter().map(|name| variable_of_name(name)).collect();
        variables.sort_unstable();
        variables.dedup();
        assert_eq!(variables.len(), names.len());
        assert!(!variables.iter().any(|variable| is_no_setting(variable)));
    }
}
