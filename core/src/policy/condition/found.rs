//! What a condition that is false found at the paths that it reads.
//!
//! Of a conjunction the first part that is false says it, for the others did not decide. A list or a
//! map shows its size alone, a text its beginning: a message never holds a whole predicate.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelString, CelUInt, Kind};
use cel::common::value::Val;
use cel::{Context, ExecutionError, Value};

use super::meter::Meter;
use super::moments::Moment;
use super::operations::{length, text_steps};
use super::variables;

/// Paths that a message shows.
const PATHS: usize = 3;

/// Characters of a text that a message shows.
const CHARACTERS: usize = 80;

/// Characters of a condition that stand before what it found.
const CONDITION: usize = 480;

/// A path that begins with a variable, and goes on by names and numbers that are spelled out.
#[derive(Clone, Debug)]
struct Path {
    text: String,
    expression: IdedExpr,
    fields: usize,
}

/// The paths that one part of a conjunction reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    paths: Vec<Path>,
    /// Whether there are more.
    more: bool,
    /// The names that stand for something else where it is looked at.
    hidden: Vec<String>,
}

/// What each part of an expression reads, as it was written; there is one at least.
pub(super) fn parts(expression: &IdedExpr) -> Vec<Part> {
    let mut parts = Vec::new();
    each_part(expression, &mut |part| {
        let mut reads = Part::default();
        reads.visit(part);
        parts.push(reads);
    });
    parts
}

/// Calls `tell` with each part of a conjunction, from left to right.
fn each_part<'e>(expression: &'e IdedExpr, tell: &mut impl FnMut(&'e IdedExpr)) {
    match &expression.expr {
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => {
            call.args.iter().for_each(|part| each_part(part, tell));
        }
        _ => tell(expression),
    }
}

impl Part {
    /// The condition and what it found, as a message says it.
    ///
    /// # Errors
    /// If that takes more steps than there are.
    pub(super) fn is_false(
        &self,
        source: &str,
        context: &Context<'_, '_>,
        meter: &Meter,
    ) -> Result<String, ExecutionError> {
        let source = quoted(source, CONDITION);
        let mut found = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            meter.pay(1 + path.fields)?;
            let shown = match Value::resolve_val(&path.expression, context) {
                Ok(value) => {
                    meter.pay(text_steps(value.as_ref()).min(CHARACTERS))?;
                    shown(value.as_ref())
                }
                Err(_) => "absent".to_owned(),
            };
            found.push(format!("{} is {shown}", path.text));
        }
        let (colon, more) = match (found.is_empty(), self.more) {
            (true, _) => ("", ""),
            (false, true) => (": ", ", …"),
            (false, false) => (": ", ""),
        };
        let found = found.join(", ");
        Ok(format!(
            "the condition {source} is false{colon}{found}{more}"
        ))
    }

    /// Notes the longest paths in an expression.
    fn visit(&mut self, expression: &IdedExpr) {
        if let Some(path) = Path::of(expression, &self.hidden) {
            return self.add(path);
        }
        match &expression.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
            Expr::Select(select) => self.visit(&select.operand),
            Expr::List(list) => list.elements.iter().for_each(|item| self.visit(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(structure) => {
                let entries = structure.entries.iter();
                entries.for_each(|entry| self.entry(&entry.expr));
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range);
                // What has a variable's name in there is something else.
                let outside = self.hidden.len();
                self.hidden.push(comprehension.iter_var.clone());
                self.hidden.extend(comprehension.iter_var2.clone());
                self.visit(&comprehension.loop_step);
                self.hidden.truncate(outside);
            }
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|argument| self.visit(argument));
            }
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key);
                self.visit(&entry.value);
            }
        }
    }

    fn add(&mut self, path: Path) {
        if self.paths.iter().any(|known| known.text == path.text) {
            return;
        }
        match self.paths.len() < PATHS {
            true => self.paths.push(path),
            false => self.more = true,
        }
    }
}

impl Path {
    /// The path that an expression is, if it is one.
    fn of(expression: &IdedExpr, hidden: &[String]) -> Option<Self> {
        let (text, fields) = match &expression.expr {
            Expr::Select(select) => field(select, hidden)?,
            _ => spelled(expression, hidden)?,
        };
        let mut expression = expression.clone();
        // `has(path)` asks whether it is there; here it is read.
        if let Expr::Select(select) = &mut expression.expr {
            select.test = false;
        }
        Some(Self {
            text,
            expression,
            fields,
        })
    }
}

/// How a path is written, and how many fields it goes through.
fn spelled(expression: &IdedExpr, hidden: &[String]) -> Option<(String, usize)> {
    match &expression.expr {
        Expr::Ident(name) if !hidden.contains(name) => {
            variables::named(name).map(|name| (name.to_owned(), 0))
        }
        Expr::Select(select) if !select.test => field(select, hidden),
        Expr::Call(CallExpr {
            func_name,
            target: None,
            args,
        }) if func_name == operators::INDEX => {
            let [operand, index] = args.as_slice() else {
                return None;
            };
            let (text, fields) = spelled(operand, hidden)?;
            let index = match &index.expr {
                Expr::Literal(LiteralValue::String(key)) => format!("{:?}", key.inner()),
                Expr::Literal(LiteralValue::Int(number)) => number.inner().to_string(),
                Expr::Literal(LiteralValue::UInt(number)) => number.inner().to_string(),
                _ => return None,
            };
            Some((format!("{text}[{index}]"), fields + 1))
        }
        _ => None,
    }
}

fn field(select: &SelectExpr, hidden: &[String]) -> Option<(String, usize)> {
    let (text, fields) = spelled(&select.operand, hidden)?;
    Some((format!("{text}.{}", select.field), fields + 1))
}

/// A value in a few words. What is foreign text is quoted, and escaped like a string of Rust.
fn shown(value: &dyn Val) -> String {
    if let Some(text) = value.downcast_ref::<CelString>() {
        quoted(text.inner(), CHARACTERS)
    } else if let Some(number) = value.downcast_ref::<CelInt>() {
        number.inner().to_string()
    } else if let Some(number) = value.downcast_ref::<CelUInt>() {
        number.inner().to_string()
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        format!("{:?}", number.inner())
    } else if let Some(truth) = value.downcast_ref::<CelBool>() {
        truth.inner().to_string()
    } else if let Some(moment) = value.downcast_ref::<Moment>() {
        moment.to_string()
    } else {
        match value.get_type().kind() {
            Kind::NullType => "null".to_owned(),
            Kind::List => format!("a list of {} element(s)", length(value)),
            Kind::Map => format!("a map of {} key(s)", length(value)),
            _ => format!("a value of type {}", value.get_type().name()),
        }
    }
}

/// The beginning of a text, in quotes.
fn quoted(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}
