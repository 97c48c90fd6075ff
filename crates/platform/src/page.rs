//! Paging of lists by the id of the last row. Ids are version 7, so their order is that of time.
//! Deliberately no offsets: they skip rows when others arrive.

use uuid::Uuid;

use crate::error::{Error, Result};

/// A page that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted, 1 to 200.
    pub size: i64,
    /// Only rows with a smaller id.
    pub before: Uuid,
}

impl Page {
    /// Reads the two fields of a list request.
    ///
    /// # Errors
    /// `Malformed` where the token is not one of ours or the size is above 200.
    pub fn parse(size: u32, token: &str) -> Result<Self> {
        if size > 200 {
            return Err(Error::Malformed {
                what: "page_size",
                value: size.to_string(),
                remedy: "ask for 1 to 200",
            });
        }
        let before = if token.is_empty() {
            Uuid::max()
        } else {
            Uuid::try_parse(token).map_err(|_| Error::Malformed {
                what: "page_token",
                value: token.chars().take(80).collect(),
                remedy: "send next_page_token of the answer before, or nothing",
            })?
        };
        Ok(Self {
            size: if size == 0 { 50 } else { i64::from(size) },
            before,
        })
    }

    /// The token of the page behind these ids; empty where they do not fill the page.
    #[must_use]
    pub fn next_token(&self, ids: &[Uuid]) -> String {
        match ids.last() {
            Some(last) if i64::try_from(ids.len()).is_ok_and(|n| n == self.size) => {
                last.to_string()
            }
            _ => String::new(),
        }
    }
}

/// Reads an id that a client sent.
///
/// # Errors
/// `Malformed`, naming `what`.
pub fn parse_id(what: &'static str, value: &str) -> Result<Uuid> {
    Uuid::try_parse(value).map_err(|_| Error::Malformed {
        what,
        value: value.chars().take(80).collect(),
        remedy: "send an id as it was answered, such as 0190c0de-0000-7000-8000-000000000000",
    })
}
