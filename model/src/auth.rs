//! Who may do what: bearer tokens with a tenant and scopes, shared by the doors of collector and query.
//!
//! Rules (design: tenancy): the tenant comes from the token; without tokens, or for a token of tenant `*`, from
//! `X-Scope-OrgID`; else it is `default`. A token of one tenant with another header is forbidden.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// What a token may be used for; `Admin` includes the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Ingest,
    Read,
    Admin,
}

/// One accepted token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub token: String,
    /// A tenant's name, or `*`: any, chosen by `X-Scope-OrgID`.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    #[serde(default = "default_scopes")]
    pub scopes: Vec<Scope>,
}

impl std::fmt::Debug for Token {
    /// Never shows the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("token", &"…").field("tenant", &self.tenant).field("scopes", &self.scopes).finish()
    }
}

pub const TENANT_DEFAULT: &str = "default";

fn default_tenant() -> String {
    TENANT_DEFAULT.into()
}

fn default_scopes() -> Vec<Scope> {
    vec![Scope::Ingest, Scope::Read]
}

/// The accepted tokens; empty means open to everyone who can connect.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// 401
    #[error("a token is needed: send `Authorization: Bearer <token>`")]
    Missing,
    /// 401
    #[error("this token is not known: check HOPLINE_TOKEN or auth.tokens of the server")]
    Unknown,
    /// 403
    #[error("this token has not the scope {0:?}: use one that has")]
    Scope(Scope),
    /// 403
    #[error("this token belongs to another tenant than X-Scope-OrgID names: leave the header out")]
    Tenant,
    /// 400
    #[error("X-Scope-OrgID must be 1 to 150 letters, digits or any of !-_.*'()")]
    TenantName,
}

impl Auth {
    pub fn new(tokens: Vec<Token>) -> Self {
        Self { tokens }
    }

    pub fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tenant's name a request works on. `token` is what follows `Bearer `; `org` is `X-Scope-OrgID`.
    pub fn tenant<'a>(&'a self, token: Option<&str>, org: Option<&'a str>, scope: Scope) -> Result<&'a str, Denied> {
        if let Some(org) = org
            && !is_tenant_name(org)
        {
            return Err(Denied::TenantName);
        }
        if self.tokens.is_empty() {
            return Ok(org.unwrap_or(TENANT_DEFAULT));
        }
        let sent = token.ok_or(Denied::Missing)?;
        // Every token is compared, each in constant time.
        let mut found = None;
        for known in &self.tokens {
            if bool::from(known.token.as_bytes().ct_eq(sent.as_bytes())) {
                found = Some(known);
            }
        }
        let known = found.ok_or(Denied::Unknown)?;
        if !known.scopes.contains(&scope) && !known.scopes.contains(&Scope::Admin) {
            return Err(Denied::Scope(scope));
        }
        match (known.tenant.as_str(), org) {
            ("*", org) => Ok(org.unwrap_or(TENANT_DEFAULT)),
            (tenant, Some(org)) if org != tenant => Err(Denied::Tenant),
            (tenant, _) => Ok(tenant),
        }
    }
}

/// The characters Mimir, Loki and Tempo allow, so that a header made for them works here.
fn is_tenant_name(name: &str) -> bool {
    (1..=150).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_by_token_and_header() {
        let token = |token: &str, tenant: &str, scopes: &[Scope]| Token { token: token.into(), tenant: tenant.into(), scopes: scopes.into() };
        let open = Auth::default();
        assert_eq!(open.tenant(None, None, Scope::Read), Ok("default"));
        assert_eq!(open.tenant(Some("anything"), Some("red"), Scope::Ingest), Ok("red"));
        assert_eq!(open.tenant(None, Some("../x"), Scope::Read), Err(Denied::TenantName));
        let auth = Auth::new(vec![token("a", "red", &[Scope::Ingest]), token("b", "*", &[Scope::Admin])]);
        let cases: &[(Option<&str>, Option<&str>, Scope, Result<&str, Denied>)] = &[
            (None, None, Scope::Read, Err(Denied::Missing)),
            (Some("x"), None, Scope::Read, Err(Denied::Unknown)),
            (Some("a"), None, Scope::Read, Err(Denied::Scope(Scope::Read))),
            (Some("a"), None, Scope::Ingest, Ok("red")),
            (Some("a"), Some("red"), Scope::Ingest, Ok("red")),
            (Some("a"), Some("blue"), Scope::Ingest, Err(Denied::Tenant)),
            (Some("b"), Some("blue"), Scope::Read, Ok("blue")),
            (Some("b"), None, Scope::Read, Ok("default")),
        ];
        for (sent, org, scope, expect) in cases {
            assert_eq!(&auth.tenant(*sent, *org, *scope), expect, "{sent:?} {org:?} {scope:?}");
        }
    }
}
