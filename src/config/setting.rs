//! Settings as they were typed, for those who want to know what was said and not what it means.

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file, which is the flag's without its dashes.
    pub key: String,
    /// As TOML; `None`: it is not set and has no default.
    pub value: Option<String>,
    /// Nobody has set it.
    pub is_default: bool,
}

impl Setting {
    /// The value, or that there is none.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or("not set")
    }
}
