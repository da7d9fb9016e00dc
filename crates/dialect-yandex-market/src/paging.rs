//! Pages and their tokens (contract §5, §9 rows 20 to 24).

use engine::Engine;

use crate::error::Error;
use crate::request::Parameters;
use crate::wire::Paging;

/// How many items a page holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    /// When the client does not say.
    pub(crate) default: i32,
    /// At most; more is refused, not cut.
    pub(crate) max: i32,
}

impl Parameters {
    /// How many items the client wants.
    pub(crate) fn limit(&self, size: PageSize) -> Result<usize, Error> {
        let limit = self.0.optional_i32("limit")?.unwrap_or(size.default);
        if limit < 1 {
            return Err(Error::too_small("limit", 1, limit.into()));
        }
        if size.max < limit {
            return Err(Error::limit_too_large(size.max, limit));
        }
        Ok(usize::try_from(limit).unwrap_or_default())
    }

    /// The id after which the page begins; none for the first page. `purpose` is what the token must have been made
    /// for.
    pub(crate) fn after(&self, engine: &Engine, purpose: &str) -> Result<Option<i64>, Error> {
        let given =
            |name| self.0.optional_text(name).map_err(|_unreadable| Error::bad_page_token());
        let token = match given("pageToken")? {
            Some(token) => Some(token),
            None => given("page_token")?,
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let payload = engine.open_cursor(purpose, token).ok_or_else(Error::bad_page_token)?;
        let bytes = payload.try_into().map_err(|_| Error::bad_page_token())?;
        Ok(Some(i64::from_be_bytes(bytes)))
    }
}

impl Paging {
    /// What follows a page whose last item has the id `last`; none of that on the last page.
    pub(crate) fn after(engine: &Engine, purpose: &str, last: Option<i64>) -> Self {
        let next_page_token = last.map(|last| engine.seal_cursor(purpose, &last.to_be_bytes()));
        Self { next_page_token }
    }
}
