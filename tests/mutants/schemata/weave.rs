//! Writes mutants into the code, each behind the question whether it is chosen.
//!
//! | what changes | what is written |
//! |---|---|
//! | the body of a function | `if chosen(1) { return REPLACEMENT; } BODY` |
//! | an operator, a field | `(if chosen(1) { CHANGED } else { EXPRESSION })` |
//! | an arm of a match | `PATTERN if !chosen(1) => …` |
//! | a guard of a match | `if (chosen(1) \|\| (!chosen(2) && (GUARD)))` |
//!
//! An operator is changed in the text of the whole chain it stands in, so that what it binds
//! changes with it, as it does when cargo-mutants replaces it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprBinary, ExprMatch, ExprStruct, Pat};

use crate::Failure;
use crate::listed::Mutant;

/// The code of all files with their mutants in it.
pub(crate) struct Woven {
    files: Vec<File>,
    /// The highest number of a mutant.
    last: usize,
}

/// The code of one file with its mutants in it.
struct File {
    path: String,
    code: String,
    /// Where in `code` each mutant's own text stands.
    places: Vec<(Range<usize>, usize)>,
    /// Those that cannot be written down: they would not compile.
    unviable: BTreeSet<usize>,
}

impl Woven {
    /// The mutants that can be chosen.
    pub(crate) fn woven(&self) -> BTreeSet<usize> {
        self.files
            .iter()
            .flat_map(|file| file.places.iter().map(|(_, id)| *id))
            .collect()
    }

    pub(crate) fn unviable(&self) -> impl Iterator<Item = usize> {
        self.files
            .iter()
            .flat_map(|file| file.unviable.iter().copied())
    }

    /// The mutants whose text holds this place of a file.
    pub(crate) fn at(&self, path: &str, place: &Range<usize>) -> BTreeSet<usize> {
        self.files
            .iter()
            .filter(|file| file.path == path)
            .flat_map(|file| &file.places)
            .filter(|(range, _)| range.start <= place.start && place.end <= range.end)
            .map(|(_, id)| *id)
            .collect()
    }

    /// Writes core as it is under `root`, with the mutants in it and the module that they ask.
    /// What is there already stays as it is, and is not built again.
    pub(crate) fn write(&self, root: &Path, tree: &Path) -> Result<(), Failure> {
        let mut folders = vec![PathBuf::from("core/src")];
        while let Some(folder) = folders.pop() {
            fs::create_dir_all(tree.join(&folder))?;
            remove_others(&root.join(&folder), &tree.join(&folder))?;
            for entry in fs::read_dir(root.join(&folder))? {
                let path = folder.join(entry?.file_name());
                if root.join(&path).is_dir() {
                    folders.push(path);
                    continue;
                }
                let woven = self.files.iter().find(|file| Path::new(&file.path) == path);
                let mut code = match woven {
                    Some(file) => file.code.clone(),
                    None => fs::read_to_string(root.join(&path))?,
                };
                if path == Path::new("core/src/lib.rs") {
                    code = format!("#![allow(warnings)]\n{code}\nmod chosen;\n");
                }
                replace(&tree.join(&path), &code)?;
            }
        }
        let chosen = include_str!("chosen.rs").replace("LAST", &self.last.to_string());
        replace(&tree.join("core/src/chosen.rs"), &chosen)
    }
}

/// Removes what is in a folder of the copy and not in that of the repository.
fn remove_others(original: &Path, copy: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(copy)? {
        let name = entry?.file_name();
        let path = copy.join(&name);
        if original.join(&name).exists() || name == "chosen.rs" {
            continue;
        }
        match path.is_dir() {
            true => fs::remove_dir_all(path)?,
            false => fs::remove_file(path)?,
        }
    }
    Ok(())
}

fn replace(path: &Path, code: &str) -> Result<(), Failure> {
    if fs::read_to_string(path).ok().as_deref() != Some(code) {
        fs::write(path, code)?;
    }
    Ok(())
}

/// Weaves the mutants into the original code of their files, without those in `without`.
pub(crate) fn all(
    mutants: &[Mutant],
    originals: &BTreeMap<String, String>,
    without: &BTreeSet<usize>,
) -> Result<Woven, Failure> {
    let files = originals.iter().map(|(path, code)| {
        let of_it: Vec<&Mutant> = mutants
            .iter()
            .filter(|mutant| mutant.file == *path && !without.contains(&mutant.id))
            .collect();
        one(path, code, &of_it).map_err(|problem| format!("{path}: {problem}").into())
    });
    Ok(Woven {
        files: files.collect::<Result<_, Failure>>()?,
        last: mutants.iter().map(|mutant| mutant.id).max().unwrap_or(0),
    })
}

fn one(path: &str, code: &str, mutants: &[&Mutant]) -> Result<File, Failure> {
    let mut sites = Sites {
        code,
        mutants: HashMap::new(),
        constant: 0,
        edits: Vec::new(),
        unviable: BTreeSet::new(),
    };
    let lines = Lines::of(code);
    for mutant in mutants {
        let range = lines.offset(mutant.start)?..lines.offset(mutant.end)?;
        if mutant.genre == "FnValue" {
            sites
                .mutants
                .entry(("FnValue", range.start))
                .or_default()
                .push((range, mutant));
        } else {
            let genre = match mutant.genre.as_str() {
                "BinaryOperator" => "BinaryOperator",
                "UnaryOperator" => "UnaryOperator",
                "MatchArm" => "MatchArm",
                "MatchArmGuard" => "MatchArmGuard",
                "StructField" => "StructField",
                _ => continue,
            };
            sites
                .mutants
                .entry((genre, range.start))
                .or_default()
                .push((range, mutant));
        }
    }
    sites.visit_file(&syn::parse_file(code)?);
    let Sites {
        edits, unviable, ..
    } = sites;
    let (code, places) = apply(code, &edits);
    syn::parse_file(&code)
        .map_err(|problem| format!("what was woven cannot be parsed: {problem}"))?;
    Ok(File {
        path: path.to_owned(),
        code,
        places,
        unviable,
    })
}

/// Where each line begins.
struct Lines<'a>(Vec<&'a str>, Vec<usize>);

impl<'a> Lines<'a> {
    fn of(code: &'a str) -> Self {
        let lines: Vec<&str> = code.split_inclusive('\n').collect();
        let mut at = 0;
        let mut starts = Vec::new();
        for line in &lines {
            starts.push(at);
            at += line.len();
        }
        Self(lines, starts)
    }

    /// The byte at which a character stands, counted from 1.
    fn offset(&self, (line, column): (usize, usize)) -> Result<usize, Failure> {
        let text = self
            .0
            .get(line - 1)
            .ok_or("the list names a line that is not there")?;
        let within: usize = text.chars().take(column - 1).map(char::len_utf8).sum();
        Ok(self.1[line - 1] + within)
    }
}

/// A piece of text that is written into the code, and the mutants' places in it.
#[derive(Default)]
struct Text {
    text: String,
    places: Vec<(Range<usize>, usize)>,
}

impl Text {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push_mutant(&mut self, id: usize, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.places.push((start..self.text.len(), id));
    }
}

/// What is written around a range of the code.
struct Edit {
    around: Range<usize>,
    before: Text,
    after: &'static str,
}

/// Writes the edits: what lies around more is written further out.
fn apply(code: &str, edits: &[Edit]) -> (String, Vec<(Range<usize>, usize)>) {
    let mut openings: Vec<&Edit> = edits.iter().collect();
    // At one place, what lies around nothing comes first, then what lies around most.
    openings.sort_by_key(|edit| {
        let around = &edit.around;
        (around.start, !around.is_empty(), usize::MAX - around.end)
    });
    let mut out = Text::default();
    let mut open: Vec<&Edit> = Vec::new();
    let mut openings = openings.into_iter().peekable();
    for at in 0..=code.len() {
        // The range of a function's body is empty: it opens only.
        while let Some(edit) = open.pop_if(|edit| edit.around.end == at && !edit.around.is_empty())
        {
            out.push(edit.after);
        }
        while let Some(edit) = openings.next_if(|edit| edit.around.start == at) {
            let shift = out.text.len();
            out.push(&edit.before.text);
            out.places.extend(
                edit.before
                    .places
                    .iter()
                    .map(|(range, id)| (range.start + shift..range.end + shift, *id)),
            );
            if !edit.around.is_empty() {
                open.push(edit);
            }
        }
        if let Some(byte) = code.as_bytes().get(at) {
            // Byte by byte, and valid again at the end: the edits stand between characters.
            if code.is_char_boundary(at) {
                let end = (at + 1..=code.len()).find(|end| code.is_char_boundary(*end));
                out.push(&code[at..end.unwrap_or(code.len())]);
            } else {
                debug_assert!(!byte.is_ascii());
            }
        }
    }
    (out.text, out.places)
}

/// Where a mutant stands: its genre and its first byte.
type Place = (&'static str, usize);

/// Finds the places of the mutants in the code.
struct Sites<'a> {
    code: &'a str,
    mutants: HashMap<Place, Vec<(Range<usize>, &'a Mutant)>>,
    /// Within how many constants we are, which are computed when the code is compiled.
    constant: usize,
    edits: Vec<Edit>,
    unviable: BTreeSet<usize>,
}

impl<'a> Sites<'a> {
    fn found(&self, genre: &'static str, start: usize) -> Vec<(Range<usize>, &'a Mutant)> {
        if self.constant > 0 {
            return Vec::new();
        }
        self.mutants
            .get(&(genre, start))
            .cloned()
            .unwrap_or_default()
    }

    fn in_constant(&mut self, inner: impl FnOnce(&mut Self)) {
        self.constant += 1;
        inner(self);
        self.constant -= 1;
    }

    /// Offers changed texts of an expression.
    fn alternatives(&mut self, around: Range<usize>, changed: Vec<(usize, String)>) {
        let mut before = Text::default();
        before.push("(");
        let mut any = false;
        for (id, text) in changed {
            // What cannot be parsed would hide the errors of all others.
            if syn::parse_str::<Expr>(&text).is_err() {
                self.unviable.insert(id);
                continue;
            }
            any = true;
            before.push(&format!("if {} {{ ", question(id)));
            before.push_mutant(id, &text);
            before.push(" } else ");
        }
        before.push("{ ");
        if any {
            self.edits.push(Edit {
                around,
                before,
                after: " })",
            });
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        if signature.constness.is_some() {
            return;
        }
        let start = first.span().byte_range().start;
        let mut before = Text::default();
        for (_, mutant) in self.found("FnValue", start) {
            // `return` must give the one type that the body gives: cargo-mutants tries what
            // gives another.
            if mutant.return_type.contains("impl ") {
                continue;
            }
            before.push(&format!("if {} {{ return ", question(mutant.id)));
            before.push_mutant(mutant.id, &mutant.replacement);
            before.push("; } ");
        }
        if !before.places.is_empty() {
            self.edits.push(Edit {
                around: start..start,
                before,
                after: "",
            });
        }
    }

    /// A chain of binary operators that is no part of a longer one.
    fn chain(&mut self, chain: &ExprBinary) {
        let mut parts = Lets(false);
        parts.visit_expr_binary(chain);
        if parts.0 {
            return self.chain_with_let(chain);
        }
        let mut operators = Vec::new();
        let mut leaves = Vec::new();
        flatten(chain, &mut operators, &mut leaves);
        let around = chain.span().byte_range();
        let mut changed = Vec::new();
        for operator in operators {
            for (range, mutant) in self.found("BinaryOperator", operator) {
                changed.push((
                    mutant.id,
                    self.replaced(&around, &range, &mutant.replacement),
                ));
            }
        }
        self.alternatives(around, changed);
        for leaf in leaves {
            self.visit_expr(leaf);
        }
    }

    /// `let` is allowed between `&&` alone, and not in brackets: what it is joined with is changed
    /// for itself.
    fn chain_with_let(&mut self, chain: &ExprBinary) {
        let operator = chain.op.span().byte_range().start;
        for (_, mutant) in self.found("BinaryOperator", operator) {
            self.unviable.insert(mutant.id);
        }
        self.visit_expr(&chain.left);
        self.visit_expr(&chain.right);
    }

    /// The text of an expression, with a part of it replaced.
    fn replaced(&self, whole: &Range<usize>, part: &Range<usize>, with: &str) -> String {
        format!(
            "{}{with}{}",
            &self.code[whole.start..part.start],
            &self.code[part.end..whole.end]
        )
    }
}

/// The operators of a chain, as they are written, and what they join.
fn flatten<'e>(chain: &'e ExprBinary, operators: &mut Vec<usize>, leaves: &mut Vec<&'e Expr>) {
    let mut side = |side: &'e Expr, operators: &mut Vec<usize>| match side {
        Expr::Binary(inner) => flatten(inner, operators, leaves),
        leaf => leaves.push(leaf),
    };
    side(&chain.left, operators);
    operators.push(chain.op.span().byte_range().start);
    side(&chain.right, operators);
}

fn question(id: usize) -> String {
    format!("crate::chosen::chosen({id})")
}

impl<'ast> Visit<'ast> for Sites<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        if item.sig.constness.is_some() {
            self.in_constant(|sites| visit::visit_item_fn(sites, item));
        } else {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        if item.sig.constness.is_some() {
            self.in_constant(|sites| visit::visit_impl_item_fn(sites, item));
        } else {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.in_constant(|sites| visit::visit_item_const(sites, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.in_constant(|sites| visit::visit_item_static(sites, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.in_constant(|sites| visit::visit_impl_item_const(sites, item));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.in_constant(|sites| visit::visit_variant(sites, variant));
    }

    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        self.in_constant(|sites| visit::visit_type_array(sites, array));
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        self.in_constant(|sites| visit::visit_pat(sites, pattern));
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        // A closure in a constant is called when the tests run.
        let outside = std::mem::take(&mut self.constant);
        visit::visit_expr_closure(self, closure);
        self.constant = outside;
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.in_constant(|sites| sites.visit_expr(&repeat.len));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.in_constant(|sites| visit::visit_expr_const(sites, block));
    }

    fn visit_expr_binary(&mut self, chain: &'ast ExprBinary) {
        self.chain(chain);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let around = unary.span().byte_range();
        let changed = self
            .found("UnaryOperator", around.start)
            .into_iter()
            .map(|(range, mutant)| {
                (
                    mutant.id,
                    self.replaced(&around, &range, &mutant.replacement),
                )
            })
            .collect();
        self.alternatives(around, changed);
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        // An arm with a guard may leave something open: then only the compiler knows what
        // becomes of a match without it.
        let catches_all = |arm: &syn::Arm| matches!(arm.pat, Pat::Wild(_)) && arm.guard.is_none();
        let closed = expression.arms.iter().any(catches_all);
        for arm in &expression.arms {
            if let Some((_, guard)) = &arm.guard {
                self.guard(guard);
            } else if closed {
                let start = arm.span().byte_range().start;
                let end = arm.pat.span().byte_range().end;
                for (_, mutant) in self.found("MatchArm", start) {
                    let mut before = Text::default();
                    before.push_mutant(mutant.id, &format!(" if !{}", question(mutant.id)));
                    self.edits.push(Edit {
                        around: end..end,
                        before,
                        after: "",
                    });
                }
            }
        }
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        let around = expression.span().byte_range();
        let mut changed = Vec::new();
        for field in &expression.fields {
            for (range, mutant) in self.found("StructField", field.span().byte_range().start) {
                changed.push((mutant.id, self.replaced(&around, &range, "")));
            }
        }
        self.alternatives(around, changed);
        visit::visit_expr_struct(self, expression);
    }
}

impl Sites<'_> {
    /// A guard that is replaced with `true` or `false`.
    fn guard(&mut self, guard: &Expr) {
        let around = guard.span().byte_range();
        let mut lets = Lets(false);
        lets.visit_expr(guard);
        let found = self.found("MatchArmGuard", around.start);
        // What `let` binds in a guard is gone with it.
        if lets.0 || found.is_empty() {
            return;
        }
        let mut before = Text::default();
        before.push("(");
        for (_, mutant) in &found {
            if mutant.replacement == "true" {
                before.push_mutant(mutant.id, &question(mutant.id));
                before.push(" || ");
            }
        }
        before.push("(");
        for (_, mutant) in &found {
            if mutant.replacement == "false" {
                before.push_mutant(mutant.id, &format!("!{}", question(mutant.id)));
                before.push(" && ");
            }
        }
        before.push("(");
        self.edits.push(Edit {
            around,
            before,
            after: ")))",
        });
    }
}

/// Whether an expression has a `let` in it, not counting what is in brackets or blocks of its own.
struct Lets(bool);

impl Visit<'_> for Lets {
    fn visit_expr(&mut self, expression: &Expr) {
        if matches!(expression, Expr::Binary(_) | Expr::Let(_)) {
            visit::visit_expr(self, expression);
        }
    }

    fn visit_expr_let(&mut self, _: &syn::ExprLet) {
        self.0 = true;
    }
}
