//! Each crate has one direction: ARCHITECTURE.md names its files in an order, and a file uses only
//! what stands after it there. A module and its own children alone may know each other.
//!
//! Read are `use` and every path that is spelled out in code, wherever `pub use` passes it on; what
//! macros make is not.

use std::collections::{BTreeMap, BTreeSet};

use sealgate_tests::source::{self, Token};

/// A module, by the names that lead to it from the root of its crate.
type Module = Vec<String>;

/// The crates whose order is written down: the folder, and the crate's name for its own programs.
const CRATES: [(&str, &str); 2] = [("core/src", "sealgate_core"), ("provider/src", "sealgate")];

/// Arrows that still run back: folder, file, and the file that it uses.
const RUN_BACK: &[(&str, &str, &str)] = &[];

#[test]
fn each_file_uses_only_what_stands_after_it() {
    let text = std::fs::read_to_string(source::root().join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for (folder, name) in CRATES {
        let krate = Crate::read(folder, name);
        let order = order(&text, folder).unwrap_or_else(|| panic!("no order of {folder}"));
        let known = RUN_BACK.iter().filter(|(of, ..)| *of == folder);
        let known = known.map(|(_, from, to)| ((*from).to_owned(), (*to).to_owned()));
        wrong.extend(krate.faults(&order, &known.collect()));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The order that a text states for a folder, in a fenced block.
///
/// `name` is a file, `name/` a folder with the names on the same line and on the indented lines
/// below it, `name/{…}` a folder inside of one.
fn order(text: &str, folder: &str) -> Option<Vec<Module>> {
    let (_, block) = text.split_once(&format!("```text order of {folder}\n"))?;
    let (block, _) = block.split_once("```")?;
    let mut found = Vec::new();
    let mut room = None;
    for line in block.lines() {
        let mut names = line.split_whitespace().peekable();
        if !line.starts_with(' ') {
            room = names.next_if(|name| name.ends_with('/'));
            found.extend(room.map(|room| module(room, None)));
        }
        let mut inner: Option<String> = None;
        for name in names {
            let (opened, name) = match name.split_once("/{") {
                Some((folder, first)) => (Some(folder), first),
                None => (None, name),
            };
            if let Some(folder) = opened {
                found.push(module(folder, room));
                inner = Some(format!("{}{folder}", room.unwrap_or_default()));
            }
            let plain = name.trim_end_matches('}');
            if !plain.is_empty() {
                found.push(module(plain, inner.as_deref().or(room)));
            }
            if plain != name {
                inner = None;
            }
        }
    }
    Some(found)
}

fn module(name: &str, room: Option<&str>) -> Module {
    let path = format!("{}/{name}", room.unwrap_or_default());
    let names = path.split('/').filter(|name| !matches!(*name, "" | "lib"));
    names.map(str::to_owned).collect()
}

/// The name of a module in messages.
fn shown(module: &[String]) -> String {
    match module {
        [] => "lib".to_owned(),
        names => names.join("/"),
    }
}

/// The files of a crate, and what each of them names.
struct Crate {
    /// What the crate is called in its own programs.
    name: String,
    files: BTreeMap<Module, File>,
}

#[derive(Default)]
struct File {
    tokens: Vec<Token>,
    /// What `use` brings in at the top of the file, by its name there.
    imports: BTreeMap<String, Module>,
}

impl Crate {
    fn read(folder: &str, name: &str) -> Self {
        let paths = source::files(folder).unwrap();
        assert!(!paths.is_empty(), "{folder}");
        let read = |path: &String| {
            let text = std::fs::read_to_string(source::root().join(path)).unwrap();
            let inside = path.strip_prefix(folder).unwrap_or(path);
            (inside.to_owned(), text)
        };
        Self::of(name, paths.iter().map(read))
    }

    /// The crate of these files, by their paths from its folder.
    fn of(name: &str, files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = files.into_iter().map(|(path, text)| {
            let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
            let file = File {
                tokens: source::tokens(&text),
                imports: BTreeMap::new(),
            };
            (module(path, None), file)
        });
        let mut krate = Self {
            name: name.to_owned(),
            files: files.collect(),
        };
        let imports: Vec<_> = krate
            .files
            .keys()
            .map(|module| (module.clone(), krate.imports(module)))
            .collect();
        for (module, imports) in imports {
            krate.files.entry(module).or_default().imports = imports;
        }
        krate
    }

    fn imports(&self, module: &Module) -> BTreeMap<String, Module> {
        let named = self.named(module).into_iter();
        named
            .filter_map(|named| Some((named.brought_in?, named.path)))
            .collect()
    }

    /// What is wrong with the order, or with the list of arrows that run back.
    fn faults(&self, order: &[Module], known: &BTreeSet<(String, String)>) -> Vec<String> {
        let mut faults = Vec::new();
        let place: BTreeMap<_, _> = order.iter().enumerate().map(|(i, m)| (m, i)).collect();
        if place.len() != order.len() {
            faults.push("the order names a file twice".to_owned());
        }
        let here: BTreeSet<_> = self.files.keys().collect();
        let named: BTreeSet<_> = order.iter().collect();
        let missing = here.difference(&named);
        faults.extend(missing.map(|m| format!("{} is not in the order", shown(m))));
        let gone = named.difference(&here);
        faults.extend(gone.map(|m| format!("{} is in the order and is no file", shown(m))));
        let mut back = BTreeSet::new();
        for module in self.files.keys() {
            for (used, path) in self.uses(module) {
                if place.get(&used) >= place.get(module) {
                    continue;
                }
                let arrow = (shown(module), shown(&used));
                if !known.contains(&arrow) {
                    let (from, to) = &arrow;
                    faults.push(format!(
                        "{from} uses {path} of {to}, which stands before it"
                    ));
                }
                back.insert(arrow);
            }
        }
        let mended = known.difference(&back);
        faults.extend(
            mended.map(|(from, to)| format!("{from} no longer uses {to}: take it off the list")),
        );
        faults
    }

    /// The modules that a file uses, and by which name, but for its parent and its children.
    fn uses(&self, module: &Module) -> BTreeMap<Module, String> {
        let related = |used: &Module| {
            used == module
                || used
                    .split_last()
                    .is_some_and(|(_, parent)| parent == module.as_slice())
                || module
                    .split_last()
                    .is_some_and(|(_, parent)| parent == used.as_slice())
        };
        let named = self.named(module).into_iter();
        named
            .map(|named| (self.home(&named.path), named.path.join("::")))
            .filter(|(used, _)| !related(used))
            .collect()
    }

    /// The module that holds what a path names, wherever it is made known again.
    fn home(&self, path: &[String]) -> Module {
        let mut module = Module::new();
        let mut seen = BTreeSet::new();
        let mut rest = path.to_vec();
        while !rest.is_empty() {
            let name = rest.remove(0);
            let inner: Module = module.iter().cloned().chain([name.clone()]).collect();
            if self.files.contains_key(&inner) {
                module = inner;
                continue;
            }
            let import = self
                .files
                .get(&module)
                .and_then(|file| file.imports.get(&name));
            match import {
                Some(import) if seen.insert((module.clone(), name)) => {
                    rest.splice(0..0, import.iter().cloned());
                    module.clear();
                }
                _ => break,
            }
        }
        module
    }

    /// Every path in a file that leads into the crate.
    fn named(&self, module: &Module) -> Vec<Named> {
        let mut found = Vec::new();
        // Whether each open block is that of a `mod`.
        let mut open = Vec::new();
        let mut rest = self.files[module].tokens.as_slice();
        let mut in_path = false;
        while let [token, after @ ..] = rest {
            let depth = open.iter().filter(|is_module| **is_module).count();
            let is_path = matches!(after, [Token::Mark(':'), Token::Mark(':'), ..]);
            match token {
                Token::Word(word) if word == "use" => {
                    let (paths, end) = paths(after);
                    rest = end;
                    for path in paths {
                        let absolute = self.absolute(module, depth, &path.names);
                        let at_top = depth == 0;
                        found.extend(absolute.map(|absolute| Named {
                            brought_in: path.alias.filter(|_| at_top),
                            path: absolute,
                        }));
                    }
                }
                Token::Word(_) if is_path && !in_path => {
                    let (paths, end) = paths(rest);
                    rest = end;
                    let absolute = |path: Path| self.absolute(module, depth, &path.names);
                    found.extend(paths.into_iter().filter_map(absolute).map(|path| Named {
                        brought_in: None,
                        path,
                    }));
                }
                _ => {
                    match (token, after) {
                        (Token::Mark('{'), _) => open.push(false),
                        (Token::Mark('}'), _) => drop(open.pop()),
                        (Token::Word(word), [Token::Word(_), Token::Mark('{'), end @ ..])
                            if word == "mod" =>
                        {
                            open.push(true);
                            rest = end;
                            continue;
                        }
                        _ => {}
                    }
                    rest = after;
                }
            }
            // What follows the `::` of a path to elsewhere, as of `std::fmt`, begins none.
            in_path = *token == Token::Mark(':');
        }
        found
    }

    /// A path from the root of the crate, if it leads there; `depth` is how many modules of the
    /// file itself it stands in.
    fn absolute(&self, module: &Module, depth: usize, names: &[String]) -> Option<Module> {
        let (first, after) = names.split_first()?;
        let file = &self.files[module];
        let child: Module = module.iter().cloned().chain([first.clone()]).collect();
        let mut after = after;
        let mut start = match first.as_str() {
            "crate" => Module::new(),
            name if name == self.name => Module::new(),
            "self" => module.clone(),
            "super" => {
                let more = after.iter().take_while(|name| *name == "super").count();
                after = after.get(more..)?;
                let up = (more + 1).saturating_sub(depth);
                module.get(..module.len().checked_sub(up)?)?.to_vec()
            }
            _ if self.files.contains_key(&child) => child,
            name => file.imports.get(name)?.clone(),
        };
        start.extend(after.iter().filter(|name| *name != "self").cloned());
        Some(start)
    }
}

/// A path that leads into the crate.
struct Named {
    path: Module,
    /// The name that it has from here on, if `use` brings it in.
    brought_in: Option<String>,
}

/// A path as it is written.
struct Path {
    names: Vec<String>,
    /// The name by which `use` makes it known.
    alias: Option<String>,
}

/// The paths of what may be a tree, as `a::{b, c as d, e::*}`, and what follows it.
fn paths(tokens: &[Token]) -> (Vec<Path>, &[Token]) {
    let mut found = Vec::new();
    let mut names = Vec::new();
    let mut rest = tokens;
    loop {
        match rest {
            [
                Token::Word(word),
                Token::Mark(':'),
                Token::Mark(':'),
                after @ ..,
            ] => {
                names.push(word.clone());
                rest = after;
            }
            [Token::Word(word), after @ ..] => {
                names.push(word.clone());
                rest = after;
                let mut alias = names.iter().rfind(|name| *name != "self").cloned();
                if let [Token::Word(as_), Token::Word(name), after @ ..] = rest
                    && as_ == "as"
                {
                    alias = Some(name.clone());
                    rest = after;
                }
                found.push(Path { names, alias });
                return (found, rest);
            }
            [Token::Mark('{'), after @ ..] if !names.is_empty() || rest.len() == tokens.len() => {
                rest = after;
                while !matches!(rest, [Token::Mark('}'), ..] | []) {
                    let (inner, after) = paths(rest);
                    found.extend(inner.into_iter().map(|path| {
                        Path {
                            names: names.iter().cloned().chain(path.names).collect(),
                            alias: path
                                .alias
                                .filter(|alias| alias != "self")
                                .or_else(|| names.last().cloned()),
                        }
                    }));
                    rest = match after {
                        [Token::Mark(','), after @ ..] => after,
                        [Token::Mark('}'), ..] => after,
                        // No tree after all.
                        _ => return (found, after),
                    };
                }
                return (found, rest.get(1..).unwrap_or_default());
            }
            // A glob, or generics: whatever it is, it is of what came before.
            _ => {
                if !names.is_empty() {
                    found.push(Path { names, alias: None });
                }
                return (
                    found,
                    rest.strip_prefix(&[Token::Mark('*')]).unwrap_or(rest),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str =
        "```text order of x\nlib\ntop  rooms/ a\nroom/    b deep/{c d}\n         e\nlow\n```\n";

    fn krate(changes: &[(&str, &str)]) -> Crate {
        let mut files: BTreeMap<String, String> = [
            ("/lib.rs", "mod low; mod room; mod top; pub use low::Low;"),
            ("/top.rs", "use crate::room::{self, b::B as Other};"),
            (
                "/room/mod.rs",
                "mod b; mod deep; mod e; pub use deep::d::D;",
            ),
            (
                "/room/b.rs",
                "use super::deep; use std::fmt; fn f(_: fmt::Error) {}",
            ),
            ("/room/deep.rs", "mod c; mod d;"),
            ("/room/deep/c.rs", "use super::d; use crate::Low;"),
            (
                "/room/deep/d.rs",
                "fn f() -> crate::room::e::E { crate::low::f() }",
            ),
            ("/room/e.rs", ""),
            (
                "/low.rs",
                "//! [`crate::top`]\nconst TEXT: &str = \"crate::top::X\";",
            ),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        for (path, text) in changes {
            files.insert((*path).to_owned(), (*text).to_owned());
        }
        Crate::of("x", files)
    }

    fn faults(changes: &[(&str, &str)], known: &[(&str, &str)]) -> Vec<String> {
        let order = order(&ORDER.replace("  rooms/ a", ""), "x").unwrap();
        let known = known
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        krate(changes).faults(&order, &known.collect())
    }

    #[test]
    fn an_order_names_every_file_of_its_folders() {
        let order = order(&ORDER.replace("  rooms/ a", ""), "x").unwrap();
        let names: Vec<_> = order.iter().map(|module| shown(module)).collect();
        let expected = [
            "lib",
            "top",
            "room",
            "room/b",
            "room/deep",
            "room/deep/c",
            "room/deep/d",
        ];
        assert_eq!(names[..7], expected);
        assert_eq!(names[7..], ["room/e", "low"]);
        assert_eq!(faults(&[], &[]), [""; 0]);
    }

    #[test]
    fn an_arrow_that_runs_back_is_found_however_it_is_written() {
        let back = |text| faults(&[("/low.rs", text)], &[]);
        for text in [
            "use crate::top;",
            "use crate::{low, top::X};",
            "use super::top::X as Y;",
            "fn f() { let _ = crate::top::X::new(); }",
            "fn f(_: &dyn crate::top::X) {}",
            "fn f() { assert!(matches!(1, x::top::X)); }",
            "mod tests { use super::super::top::*; }",
            "pub(crate) use crate::top::X;",
            "#[cfg(test)] mod tests { fn f() { crate::top::f::<u8>() } }",
        ] {
            let found = back(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with("low uses "), "{found:?}");
            assert!(
                found[0].ends_with(" of top, which stands before it"),
                "{found:?}"
            );
        }
        // A room's own name is passed on to what is made in it.
        let found = back("use crate::room::D;");
        assert_eq!(
            found,
            ["low uses room::D of room/deep/d, which stands before it"]
        );
        // A name that `use` brought in leads on.
        let found = back("use crate::room; fn f() { room::b::f() }");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_module_and_its_own_children_alone_may_know_each_other() {
        assert_eq!(faults(&[("/room/e.rs", "use super::X;")], &[]), [""; 0]);
        assert_eq!(faults(&[("/room/e.rs", "use super::b::X;")], &[]).len(), 1);
        let grandchild = [("/room/deep/d.rs", "use super::super::X;")];
        assert_eq!(faults(&grandchild, &[]).len(), 1);
    }

    #[test]
    fn the_order_and_the_list_are_exact() {
        let back = [("/low.rs", "use crate::top::X;")];
        assert_eq!(faults(&back, &[("low", "top")]), [""; 0]);
        let mended = faults(&[], &[("low", "top")]);
        assert_eq!(mended, ["low no longer uses top: take it off the list"]);
        let found = faults(&[("/new.rs", "")], &[]);
        assert_eq!(found, ["new is not in the order"]);
        let order = order(ORDER, "x").unwrap();
        let found = krate(&[]).faults(&order, &BTreeSet::new());
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
