//! The names a query may put behind FROM: three signals, and what is made of them; nothing else.

use super::derived::{Derived, DerivedTable};
use super::provider::SnapshotTable;
use super::views::VIEWS;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use hopline_model::Signal;
use std::sync::{Arc, OnceLock};

pub(crate) const CATALOG: &str = "hopline";
pub(crate) const SCHEMA: &str = "public";

/// The tables of one query. Views are planned only when they are named.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) signals: [Arc<SnapshotTable>; 3],
    /// Plans the views: a session that knows these tables. Set once it is built.
    pub(crate) planner: OnceLock<Arc<SessionState>>,
}

impl Tables {
    fn signal(&self, name: &str) -> Option<Arc<SnapshotTable>> {
        let signal = Signal::ALL.into_iter().find(|signal| signal.to_string() == name)?;
        self.signals.iter().find(|table| table.signal == signal).cloned()
    }
}

#[tonic::async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let derived = Derived::ALL.iter().map(|derived| derived.name());
        Signal::ALL.iter().map(ToString::to_string).chain(derived.chain(VIEWS.iter().map(|view| view.name)).map(str::to_owned)).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.signal(name) {
            return Ok(Some(table));
        }
        if let Some(derived) = Derived::ALL.into_iter().find(|derived| derived.name() == name) {
            let SnapshotTable { snapshot, report, .. } = &*self.signals[0];
            return Ok(Some(Arc::new(DerivedTable { derived, snapshot: snapshot.clone(), report: report.clone() })));
        }
        let (Some(view), Some(planner)) = (VIEWS.iter().find(|view| view.name == name), self.planner.get()) else { return Ok(None) };
        let plan = planner.create_logical_plan(view.sql).await.map_err(|error| DataFusionError::Internal(format!("view {name}: {error}")))?;
        Ok(Some(Arc::new(ViewTable::new(plan, None))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.signal(name).is_some() || Derived::ALL.iter().any(|derived| derived.name() == name) || VIEWS.iter().any(|view| view.name == name)
    }
}

/// One catalog with one schema; nothing can be added.
#[derive(Debug)]
pub(crate) struct Catalog(pub(crate) Arc<Tables>);

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == SCHEMA).then(|| self.0.clone() as Arc<dyn SchemaProvider>)
    }
}

#[derive(Debug)]
pub(crate) struct Catalogs(pub(crate) Arc<Catalog>);

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| self.0.clone() as Arc<dyn CatalogProvider>)
    }
}
