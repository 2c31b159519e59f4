//! Compiles an expression: whatever it does that may cost much goes through an operation that
//! counts ([`super::operations`]).

use cel::Program;
use cel::common::ast::{
    CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr, SelectExpr, StructExpr, operators,
};
use cel::common::types::CelInt;
use regex::Regex;

use super::found::{self, Part};
use super::names::{self, Names};
use super::operations::{self, Patterns};
use super::variables::{self, Reads};
use super::{ConditionError, meter, texts};
use crate::limits;

/// An expression that counts its steps, the patterns that it spells out, and what it reads.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) expression: IdedExpr,
    pub(super) patterns: Patterns,
    /// If there are several, the meter knows which was false.
    pub(super) parts: Vec<Part>,
    pub(super) reads: Reads,
}

impl Compiled {
    pub(super) fn new(source: &str) -> Result<Self, ConditionError> {
        let program =
            Program::compile(source).map_err(|error| ConditionError::Syntax(error.to_string()))?;
        // Before anything goes through it in depth.
        if depth(program.expression()) > limits::CONDITION_DEPTH {
            return Err(ConditionError::TooDeep);
        }
        let mut expression = program.expression().clone();
        let mut compiler = Compiler {
            patterns: Vec::new(),
            names: Names::new(),
            reads: Reads::default(),
        };
        compiler.visit(&mut expression)?;
        names::check_result(program.expression())?;
        let parts = found::parts(program.expression());
        if parts.len() > 1 {
            tell(&mut expression, &mut 0);
        }
        Ok(Self {
            expression,
            patterns: Patterns(compiler.patterns.into()),
            parts,
            reads: compiler.reads,
        })
    }
}

struct Compiler {
    patterns: Vec<Regex>,
    names: Names,
    reads: Reads,
}

impl Compiler {
    fn visit(&mut self, expression: &mut IdedExpr) -> Result<(), ConditionError> {
        if let Some((variables::ATTESTATIONS, path)) = self.names.path(expression) {
            return self.reads.rule(&path);
        }
        match &mut expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(_) => {
                if let Some(variable) = self.names.variable(expression) {
                    self.reads.whole(variable);
                }
                self.names.check_variable(expression)
            }
            Expr::Select(SelectExpr { operand, field, .. }) => match self.names.variable(operand) {
                Some(variable) => self.reads.field(variable, field),
                None => self.visit(operand),
            },
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| {
                self.visit(element)?;
                pay(element, operations::KEEP);
                Ok(())
            }),
            Expr::Map(map) => map
                .entries
                .iter_mut()
                .try_for_each(|entry| self.entry(&mut entry.expr)),
            Expr::Struct(structure) => structure
                .entries
                .iter_mut()
                .try_for_each(|entry| self.entry(&mut entry.expr)),
            Expr::Comprehension(comprehension) => {
                self.visit(&mut comprehension.iter_range)?;
                pay(&mut comprehension.iter_range, operations::EACH);
                self.visit(&mut comprehension.accu_init)?;
                let known = self.names.enter(comprehension);
                self.visit(&mut comprehension.loop_cond)?;
                self.visit(&mut comprehension.loop_step)?;
                self.visit(&mut comprehension.result)?;
                self.names.leave(known);
                Ok(())
            }
            Expr::Call(call) => self.call(call),
        }
    }

    fn entry(&mut self, entry: &mut EntryExpr) -> Result<(), ConditionError> {
        match entry {
            EntryExpr::StructField(field) => {
                self.visit(&mut field.value)?;
                pay(&mut field.value, operations::KEEP);
            }
            EntryExpr::MapEntry(entry) => {
                self.visit(&mut entry.key)?;
                self.visit(&mut entry.value)?;
                pay(&mut entry.value, operations::KEEP);
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<(), ConditionError> {
        if let Some((variable, field)) = self.field_by_key(call) {
            return self.reads.field(variable, &field);
        }
        for argument in &mut call.args {
            self.visit(argument)?;
        }
        let target_is_value = self.names.target_is_value(call);
        if let Some(target) = call.target.as_mut().filter(|_| target_is_value) {
            self.visit(target)?;
        }
        self.names.check_function(call)?;
        if call.func_name == "matches" {
            return self.matches(call);
        }
        if let Some(own) = texts::own(&call.func_name) {
            own.operation.clone_into(&mut call.func_name);
            let target = call.target.take().map(|target| *target);
            call.args.splice(..0, target);
            call.args.push(variable(meter::NAME));
            return Ok(());
        }
        match call.func_name.as_str() {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE
            | operators::CONDITIONAL
            | operators::INDEX
            | operators::OPT_INDEX
            | operators::OPT_SELECT => {}
            operators::EQUALS => counted(call, operations::EQUALS),
            operators::NOT_EQUALS => counted(call, operations::DIFFERS),
            operators::IN => counted(call, operations::WITHIN),
            operators::ADD => {
                for argument in &mut call.args {
                    pay(argument, operations::ADDEND);
                }
            }
            _ => {
                if let Some(target) = call.target.as_mut().filter(|_| target_is_value) {
                    pay(target, operations::KEEP);
                }
                for argument in &mut call.args {
                    pay(argument, operations::KEEP);
                }
            }
        }
        Ok(())
    }

    /// A field of a variable that is read as `variable["field"]`.
    fn field_by_key(&self, call: &CallExpr) -> Option<(&'static str, String)> {
        let (operand, key) = names::by_key(call)?;
        Some((self.names.variable(operand)?, key.to_owned()))
    }

    /// `text.matches(pattern)` or `matches(text, pattern)`.
    fn matches(&mut self, call: &mut CallExpr) -> Result<(), ConditionError> {
        let mut arguments: Vec<_> = call
            .target
            .take()
            .map(|target| *target)
            .into_iter()
            .collect();
        arguments.append(&mut call.args);
        let [_, pattern] = arguments.as_slice() else {
            return Err(ConditionError::Syntax(
                "matches takes a text and a pattern".to_owned(),
            ));
        };
        let literal = match &pattern.expr {
            Expr::Literal(LiteralValue::String(pattern)) => Some(pattern.inner().to_owned()),
            _ => None,
        };
        match literal {
            Some(pattern) => {
                let number = self.compile(&pattern)?;
                arguments.truncate(1);
                arguments.push(Expr::Literal(LiteralValue::Int(CelInt::from(number))).into_ided());
                arguments.push(variable(operations::PATTERNS));
                operations::MATCHES.clone_into(&mut call.func_name);
            }
            None => operations::FINDS.clone_into(&mut call.func_name),
        }
        arguments.push(variable(meter::NAME));
        call.args = arguments;
        Ok(())
    }

    /// The number of the pattern.
    fn compile(&mut self, pattern: &str) -> Result<i64, ConditionError> {
        let compiled = regex::RegexBuilder::new(pattern)
            .size_limit(limits::PATTERN_BYTES)
            .build()
            .map_err(|error| ConditionError::Pattern {
                pattern: pattern.to_owned(),
                why: error.to_string(),
            })?;
        self.patterns.push(compiled);
        Ok(i64::try_from(self.patterns.len() - 1).unwrap_or(i64::MAX))
    }
}

/// How deep an expression nests.
fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, depth)) = open.pop() {
        deepest = deepest.max(depth);
        let mut push = |inner| open.push((inner, depth + 1));
        match &expression.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
            Expr::Select(select) => push(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(push),
            Expr::Call(call) => {
                call.target.as_deref().into_iter().for_each(&mut push);
                call.args.iter().for_each(push);
            }
            Expr::Comprehension(comprehension) => [
                &comprehension.iter_range,
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ]
            .into_iter()
            .for_each(push),
            Expr::Map(MapExpr { entries }) | Expr::Struct(StructExpr { entries, .. }) => {
                for entry in entries {
                    match &entry.expr {
                        EntryExpr::StructField(field) => push(&field.value),
                        EntryExpr::MapEntry(entry) => {
                            push(&entry.key);
                            push(&entry.value);
                        }
                    }
                }
            }
        }
    }
    deepest
}

/// Has each part of a conjunction say if it is false, by its number, from left to right.
fn tell(expression: &mut IdedExpr, number: &mut i64) {
    if let Expr::Call(call) = &mut expression.expr
        && call.func_name == operators::LOGICAL_AND
    {
        return call.args.iter_mut().for_each(|part| tell(part, number));
    }
    let part = std::mem::take(expression);
    expression.expr = Expr::Call(CallExpr {
        func_name: operations::TELL.to_owned(),
        target: None,
        args: vec![
            part,
            Expr::Literal(LiteralValue::Int(CelInt::from(*number))).into_ided(),
            variable(meter::NAME),
        ],
    });
    *number += 1;
}

/// Puts an operator's operation in its place.
fn counted(call: &mut CallExpr, operation: &str) {
    operation.clone_into(&mut call.func_name);
    call.args.push(variable(meter::NAME));
}

/// Lets an operation take the value first. What an expression spells out is paid for by its
/// length; what it builds up is a variable that nothing in it can name.
fn pay(value: &mut IdedExpr, operation: &str) {
    let free = match &value.expr {
        Expr::Literal(_) => true,
        Expr::List(_) => operation == operations::ADDEND,
        Expr::Ident(name) => name.starts_with('@'),
        _ => false,
    };
    if free {
        return;
    }
    let id = value.id;
    let inner = std::mem::take(value);
    value.id = id;
    value.expr = Expr::Call(CallExpr {
        func_name: operation.to_owned(),
        target: None,
        args: vec![inner, variable(meter::NAME)],
    });
}

fn variable(name: &str) -> IdedExpr {
    Expr::Ident(name.to_owned()).into_ided()
}

/// An expression that stands nowhere in the source.
trait IntoIded {
    fn into_ided(self) -> IdedExpr;
}

impl IntoIded for Expr {
    fn into_ided(self) -> IdedExpr {
        IdedExpr { id: 0, expr: self }
    }
}
