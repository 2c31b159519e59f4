//! The evaluation of a template for one object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealgate_core::UnixTime;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{Dialect, ExternalData, Review, Template, TemplateError};

/// A ConstraintTemplate, ready to review objects.
#[derive(Clone, Debug)]
pub struct RegoGate {
    engine: regorus::Engine,
    rule: String,
    clock: Clock,
}

/// What time it is for `time.now_ns`: without one, no call of it is defined.
pub(super) type Clock = Option<UnixTime>;

/// One violation: an object with any is not admitted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Violation {
    /// What Gatekeeper shows at the kubectl prompt.
    #[serde(rename = "msg")]
    pub message: String,
    /// What it exports for programs.
    #[serde(default)]
    pub details: Value,
}

/// Why a template could not be evaluated. Gatekeeper turns a failed evaluation into a
/// violation; whoever emulates it must not admit the object either.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The template cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The Rego does not compile.
    #[error("the template's Rego does not compile: {0}")]
    Compile(String),
    /// The Rego failed while it ran.
    #[error("the template's Rego failed: {0}")]
    Evaluate(String),
    /// The rule `violation` has the wrong shape.
    #[error("expected a set of violations with a msg: {0}")]
    Violations(#[from] serde_json::Error),
}

impl RegoGate {
    /// Compiles the Rego of a ConstraintTemplate.
    pub fn new(template_yaml: &str) -> Result<Self, GateError> {
        Self::compile(&Template::parse(template_yaml)?)
    }

    /// Compiles a template that has been read already.
    pub fn compile(template: &Template) -> Result<Self, GateError> {
        let mut engine = regorus::Engine::new();
        engine.set_rego_v0(template.dialect == Dialect::V0);
        // As OPA: a builtin that fails is undefined.
        engine.set_strict_builtin_errors(false);
        let mut add = |name: String, rego: &str| {
            engine
                .add_policy(name, rego.to_owned())
                .map_err(|e| GateError::Compile(e.to_string()))
        };
        for (i, lib) in template.libs.iter().enumerate() {
            add(format!("lib_{i}.rego"), lib)?;
        }
        let package = add("template.rego".to_owned(), &template.rego)?;
        Ok(Self {
            engine,
            rule: format!("{package}.violation"),
            clock: None,
        })
    }

    /// The same at this time. Templates that ask for the time otherwise find it undefined.
    #[must_use]
    pub fn at(mut self, now: UnixTime) -> Self {
        self.clock = Some(now);
        self
    }

    /// Reviews one object: no violation means that it is admitted.
    pub fn review(
        &self,
        review: &Review,
        external_data: &ExternalData,
    ) -> Result<Vec<Violation>, GateError> {
        let failed = |e: &dyn std::fmt::Display| GateError::Evaluate(e.to_string());
        let mut engine = self.engine.clone();
        engine
            .add_extension(
                "external_data".to_owned(),
                1,
                memoized(external_data.clone()),
            )
            .map_err(|e| failed(&e))?;
        with_clock(&mut engine, self.clock)?;
        engine.set_input(regorus::Value::from(review.input()));
        let violations = engine
            .eval_rule(self.rule.clone())
            .map_err(|e| failed(&e))?;
        let mut violations: Vec<Violation> =
            serde_json::from_value(serde_json::to_value(&violations)?)?;
        violations.sort_by(|a, b| a.message.cmp(&b.message));
        Ok(violations)
    }
}

/// Within one evaluation the same argument is asked about once.
fn memoized(external_data: ExternalData) -> Box<dyn regorus::Extension> {
    let seen: Arc<Mutex<BTreeMap<regorus::Value, regorus::Value>>> = Arc::default();
    Box::new(move |arguments: Vec<regorus::Value>| {
        let Some(argument) = arguments.into_iter().next() else {
            return Ok(regorus::Value::Undefined);
        };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = seen.entry(argument).or_insert_with_key(|argument| {
            external_data
                .call(argument)
                .map_or(regorus::Value::Undefined, regorus::Value::from)
        });
        Ok(answer.clone())
    })
}

/// Adds what of OPA's `time` the templates use: now, and RFC 3339 to the second.
pub(super) fn with_clock(engine: &mut regorus::Engine, clock: Clock) -> Result<(), GateError> {
    let failed = |e: &dyn std::fmt::Display| GateError::Evaluate(e.to_string());
    let now =
        move |_: Vec<regorus::Value>| Ok(clock.map_or(regorus::Value::Undefined, nanoseconds));
    let parse = |arguments: Vec<regorus::Value>| {
        let text = arguments.first().and_then(|text| text.as_string().ok());
        let time = text.and_then(|text| text.parse().ok());
        Ok(time.map_or(regorus::Value::Undefined, nanoseconds))
    };
    engine
        .add_extension("time.now_ns".to_owned(), 0, Box::new(now))
        .map_err(|e| failed(&e))?;
    engine
        .add_extension("time.parse_rfc3339_ns".to_owned(), 1, Box::new(parse))
        .map_err(|e| failed(&e))
}

fn nanoseconds(time: UnixTime) -> regorus::Value {
    regorus::Value::from(time.seconds().saturating_mul(1_000_000_000))
}
