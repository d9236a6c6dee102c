//! `match(body, 'words')`: whether a text holds every word, by the tokenizer of the log index.
//!
//! `'card declined'` both words anywhere, `'"card declined"'` the phrase, `'declin*'` a word that starts so. On `body` of `logs` the
//! scan answers it from the index.

use super::attribute::each_text;
use super::constant;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_storage::text::{TextMatcher, TextQuery};
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "match";

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(Match { signature: Signature::string(2, Volatility::Immutable) })));
    UDF.clone()
}

/// The text queries that must all hold; `None` when there is no word to look for.
pub(crate) fn queries(text: &str) -> Option<Vec<TextQuery>> {
    let mut queries = Vec::new();
    let mut bare = String::new();
    for (i, stretch) in text.split('"').enumerate() {
        if i % 2 == 1 {
            if !stretch.trim().is_empty() {
                queries.push(TextQuery { text: stretch.to_owned(), phrase: true, prefix: false });
            }
            continue;
        }
        for word in stretch.split_whitespace() {
            match word.strip_suffix('*') {
                Some(start) if start.chars().any(char::is_alphanumeric) => {
                    queries.push(TextQuery { text: start.to_owned(), phrase: false, prefix: true });
                }
                _ => {
                    bare.push_str(word);
                    bare.push(' ');
                }
            }
        }
    }
    if !bare.is_empty() {
        queries.insert(0, TextQuery { text: bare.trim_end().to_owned(), phrase: false, prefix: false });
    }
    (!queries.is_empty()).then_some(queries)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Match {
    signature: Signature,
}

impl ScalarUDFImpl for Match {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let matchers: Option<Vec<TextMatcher>> = match constant(NAME, "the words", &args.args[1])? {
            None => None,
            Some(text) => {
                let queries = queries(text).ok_or_else(|| DataFusionError::Plan("match needs at least one word: match(body, 'timeout')".into()))?;
                Some(queries.iter().map(TextMatcher::new).collect())
            }
        };
        each_text(&args.args[0], |texts| {
            let found: BooleanArray =
                texts.iter().map(|text| text.and_then(|text| Some(matchers.as_ref()?.iter().all(|matcher| matcher.matches(text))))).collect();
            Arc::new(found) as ArrayRef
        })
    }
}
