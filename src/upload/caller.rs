//! Who asks, and what he may do. Permission is a value: whoever has an engine [for a caller](super::Uploads::of) can do
//! with it what that caller may, and nothing else.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::quota::Client;
use super::{Upload, UploadError, Uploads};
use crate::store::Store;

/// Whose upload it is: a name that those chose who gave out tokens and permits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner(Box<str>);

impl Owner {
    /// An owner of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that can be done with uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Begin one.
    Create,
    /// Add bytes to it, and ask how far it is.
    Append,
    /// Fetch it, and ask how far it is.
    Read,
    /// Delete it.
    Delete,
}

/// The operations that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations(u8);

impl Operations {
    /// All of them.
    pub const ALL: Self = Self(0b1111);
    /// What an upload takes from its creation to its last byte.
    pub const UPLOAD: Self = Self(0b11);
    /// None.
    pub const NONE: Self = Self(0);

    /// These and another one.
    #[must_use]
    pub fn with(self, operation: Operation) -> Self {
        Self(self.0 | operation.bit())
    }

    fn contains(self, operation: Operation) -> bool {
        self.0 & operation.bit() != 0
    }
}

impl Operation {
    fn bit(self) -> u8 {
        match self {
            Self::Create => 0b1,
            Self::Append => 0b10,
            Self::Read => 0b100,
            Self::Delete => 0b1000,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create uploads",
            Self::Append => "add to uploads",
            Self::Read => "read uploads",
            Self::Delete => "delete uploads",
        })
    }
}

/// Whose uploads somebody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sees {
    /// Everybody's.
    All,
    /// His own. Those that nobody owns are of those who have no name.
    Own(Option<Owner>),
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What he may do.
    pub operations: Operations,
    /// With which uploads.
    pub sees: Sees,
    /// The largest upload in bytes that he may make; `None`: what the rules allow.
    pub max_size: Option<u64>,
    /// Who he is to the limits for each client; `None`: nobody limits him.
    pub client: Option<Client>,
}

impl Caller {
    /// May do all with all, as everybody may where no access rule is in force.
    #[must_use]
    pub fn anyone() -> Self {
        Self { operations: Operations::ALL, sees: Sees::All, max_size: None, client: None }
    }

    /// The owner of what he creates.
    pub(super) fn owner(&self) -> Option<&Owner> {
        match &self.sees {
            Sees::All => None,
            Sees::Own(owner) => owner.as_ref(),
        }
    }
}

impl<S: Store> Uploads<S> {
    /// The engine for this caller.
    #[must_use]
    pub fn of(&self, caller: Caller) -> Self {
        Self { inner: Arc::clone(&self.inner), caller: Arc::new(caller) }
    }

    /// The owner of what the caller creates, if he has a name.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.caller.owner()
    }

    pub(super) fn may(&self, operation: Operation) -> Result<(), UploadError> {
        match self.caller.operations.contains(operation) {
            true => Ok(()),
            false => Err(UploadError::Forbidden(operation)),
        }
    }

    /// Whoever adds bytes or reads may ask how far an upload is.
    pub(super) fn may_look(&self) -> Result<(), UploadError> {
        self.may(Operation::Append).or_else(|_| self.may(Operation::Read))
    }

    /// Other people's uploads are not there.
    pub(super) fn check_owner(&self, upload: &Upload) -> Result<(), UploadError> {
        match &self.caller.sees {
            Sees::All => Ok(()),
            Sees::Own(owner) if *owner == upload.owner => Ok(()),
            Sees::Own(_) => Err(UploadError::NotFound),
        }
    }
}
