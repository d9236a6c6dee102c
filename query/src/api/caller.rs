//! Who asks: the token's tenant, with the scope an endpoint needs.

use crate::Query;
use crate::api::reply::problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hopline_model::auth::{Denied, Scope};
use std::sync::Arc;

/// A caller who may read.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
}

/// A caller who may change the server's state.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) tenant: String,
}

impl FromRequestParts<Arc<Query>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, query: &Arc<Query>) -> Result<Self, Response> {
        let tenant = admit(parts, query, Scope::Read).map_err(|denied| refused(&denied))?;
        if let Some(question) = crate::run::question() {
            question.of(&tenant);
        }
        Ok(Self { tenant })
    }
}

impl FromRequestParts<Arc<Query>> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, query: &Arc<Query>) -> Result<Self, Response> {
        admit(parts, query, Scope::Admin).map(|tenant| Self { tenant }).map_err(|denied| refused(&denied))
    }
}

fn admit(parts: &Parts, query: &Query, scope: Scope) -> Result<String, Denied> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let token = text("authorization").and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))).map(str::trim);
    query.auth.tenant(token, text("x-scope-orgid"), scope).map(str::to_owned)
}

fn refused(denied: &Denied) -> Response {
    let (status, title) = match denied {
        Denied::Missing | Denied::Unknown => (StatusCode::UNAUTHORIZED, "not let in"),
        Denied::Scope(_) | Denied::Tenant => (StatusCode::FORBIDDEN, "not allowed"),
        Denied::TenantName => (StatusCode::BAD_REQUEST, "the tenant's name is not valid"),
    };
    let mut response = (status, problem(status.as_u16(), title, &denied.to_string(), None)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hopline\""));
    }
    response
}
