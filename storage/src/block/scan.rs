//! A block as the scan sees it: what its meta answers alone, and its row groups as parts.

use super::Block;
use crate::error::Result;
use crate::scan::filter::Filter;
use crate::scan::part::Part;
use crate::scan::request::Column;
use hopline_model::TimeRange;

impl Block {
    /// Whether any row can match, as far as the meta tells.
    pub(crate) fn may_match(&self, _filter: &Filter, range: TimeRange) -> bool {
        self.meta.overlaps(range)
    }

    /// The row groups that may hold matching rows, with their times.
    pub(crate) fn parts(&self, _filter: &Filter, _range: TimeRange) -> Result<Vec<((i64, i64), Box<dyn Part + '_>)>> {
        Err(crate::Error::Internal("blocks cannot be read yet".into()))
    }

    pub(crate) fn count(&self, filter: &Filter, range: TimeRange) -> Option<u64> {
        (matches!(filter, Filter::All) && self.within(range)).then_some(self.meta.rows)
    }

    pub(crate) fn histogram(
        &self,
        _filter: &Filter,
        _range: TimeRange,
        _bucket_nano: i64,
        _by: Option<&'static str>,
        _add: &mut dyn FnMut(i64, &str, u64),
    ) -> bool {
        false
    }

    pub(crate) fn values(&self, filter: &Filter, range: TimeRange, column: &Column, add: &mut dyn FnMut(&str, u64)) -> bool {
        let counted = matches!(filter, Filter::All) && self.within(range) && *column == Column::Fixed(hopline_model::schema::column::SERVICE_NAME);
        if counted {
            self.meta.services.iter().for_each(|service| add(&service.service_name, service.rows));
        }
        counted
    }

    /// Every row's time lies in the range.
    fn within(&self, range: TimeRange) -> bool {
        use hopline_model::UnixNanos;
        range.contains(UnixNanos(self.meta.time_min)) && range.contains(UnixNanos(self.meta.time_max))
    }
}
