//! What a query may be, decided on its text and its syntax tree, before anything is planned.
//!
//! One SELECT (or EXPLAIN of one). No statement that writes, sets or creates, however deep it hides. And no text that is small but
//! makes the planner deep (`1+1+1+…` overflows a stack, which ends the process) or wide (a chain of WITH that doubles each time).

use super::error::SqlError;
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, SetExpr, Statement, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// A query of people is far below; one that a program wrote should use parameters.
pub(crate) const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Operators behind and inside each other: what one expression may be deep.
pub(crate) const DEPTH_MAX: usize = 400;
/// Tables a query reads when every WITH is written out where it is used.
const TABLES_MAX: u64 = 64;

/// Refuses texts too long or too deep to be parsed.
pub(crate) fn check_text(query: &str) -> Result<(), SqlError> {
    if query.len() > TEXT_BYTES_MAX {
        return Err(SqlError::limit(format!("the query has {} bytes, more than {TEXT_BYTES_MAX}", query.len())));
    }
    // What cannot be read as tokens is refused by the parser, in better words.
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, query).tokenize() else { return Ok(()) };
    let mut levels: Vec<usize> = vec![0];
    let mut depth = 0usize;
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                levels.push(1);
                depth += 1;
            }
            // One too many is the parser's to say.
            Token::RParen | Token::RBracket | Token::RBrace => depth -= if levels.len() > 1 { levels.pop().unwrap_or(0) } else { 0 },
            // The next item of a list starts anew.
            Token::Comma => {
                if let Some(level) = levels.last_mut() {
                    let kept = usize::from(*level > 0);
                    depth -= *level - kept;
                    *level = kept;
                }
            }
            token if deepens(token) => {
                if let Some(level) = levels.last_mut() {
                    *level += 1;
                }
                depth += 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(SqlError::limit(format!(
                "the query is nested deeper than {DEPTH_MAX} operators: write long chains of OR as IN (…), or split the query"
            )));
        }
    }
    Ok(())
}

fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::IS
                | Keyword::IN
                | Keyword::BETWEEN
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::XOR
                | Keyword::DIV
                | Keyword::SIMILAR
                | Keyword::REGEXP
                | Keyword::RLIKE
        ),
        Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Placeholder(_)
        | Token::Period
        | Token::SemiColon
        | Token::EOF => false,
        // Operators of every kind, and strings of other kinds, which do no harm here.
        _ => true,
    }
}

/// Refuses everything but one reading statement.
pub(crate) fn check_statement(statement: &ParsedStatement) -> Result<(), SqlError> {
    let inner = match statement {
        ParsedStatement::Statement(inner) => inner.as_ref(),
        ParsedStatement::Explain(explain) => match explain.statement.as_ref() {
            ParsedStatement::Statement(inner) => inner.as_ref(),
            other => return Err(refused(&other.to_string())),
        },
        other => return Err(refused(&other.to_string())),
    };
    let Statement::Query(query) = inner else { return Err(refused(&inner.to_string())) };
    let mut reader = Reader::default();
    match query.visit(&mut reader) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn refused(statement: &str) -> SqlError {
    let word = statement.split_whitespace().next().unwrap_or("this").to_uppercase();
    SqlError::invalid(format!("{word} is not allowed: the API answers a single SELECT, WITH … SELECT, VALUES or EXPLAIN of one, and changes nothing"))
}

/// Walks a query and counts the tables it reads.
#[derive(Default)]
struct Reader {
    /// Tables counted so far in each query that is being walked.
    open: Vec<u64>,
    /// The bodies of WITH, by their address in the tree, and their names.
    bodies: HashMap<usize, String>,
    /// What a name of WITH stands for.
    weights: HashMap<String, u64>,
}

impl Visitor for Reader {
    type Break = SqlError;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<SqlError> {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            other => ControlFlow::Break(refused(&other.to_string())),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SqlError> {
        self.open.push(0);
        if !query.locks.is_empty() {
            return ControlFlow::Break(SqlError::invalid("FOR UPDATE and FOR SHARE are not allowed: queries change nothing"));
        }
        if let Some(with) = &query.with {
            if with.recursive {
                return ControlFlow::Break(SqlError::invalid("WITH RECURSIVE is not allowed"));
            }
            for table in &with.cte_tables {
                self.bodies.insert(std::ptr::from_ref::<Query>(&table.query) as usize, table.alias.name.value.to_lowercase());
            }
        }
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) if select.into.is_some() => {
                    return ControlFlow::Break(SqlError::invalid("SELECT INTO is not allowed: queries create nothing"));
                }
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                    return ControlFlow::Break(SqlError::invalid("INSERT, UPDATE, DELETE and MERGE are not allowed: queries change nothing"));
                }
                SetExpr::Table(_) => self.count(1)?,
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<SqlError> {
        let weight = self.open.pop().unwrap_or(0);
        match self.bodies.get(&(std::ptr::from_ref(query) as usize)) {
            Some(name) => {
                self.weights.insert(name.clone(), weight.max(1));
                ControlFlow::Continue(())
            }
            None => self.count(weight),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<SqlError> {
        let weight = self.weights.get(&relation.to_string().to_lowercase()).copied().unwrap_or(1);
        self.count(weight)
    }
}

impl Reader {
    fn count(&mut self, weight: u64) -> ControlFlow<SqlError> {
        let Some(top) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        *top = top.saturating_add(weight);
        if *top > TABLES_MAX {
            return ControlFlow::Break(SqlError::limit(format!("the query reads more than {TABLES_MAX} tables, each WITH counted where it is used")));
        }
        ControlFlow::Continue(())
    }
}
