//! Constants that a mutant changes. No switch can be read while compiling, so that in the copy they are
//! functions of the same name: `const MAX: u64 = 1 << 10;` becomes `fn MAX() -> u64 { 1 << 10 }`, and
//! `MAX` becomes `MAX()` wherever it is used.

use crate::list::Mutants;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// What becomes a function.
#[derive(Default)]
pub(crate) struct Constants {
    /// Those of modules, by name: all of one name become functions.
    free: BTreeSet<String>,
    /// Those of `free` that other crates can see.
    public: BTreeSet<String>,
    /// Those of types, by type and name.
    of_types: BTreeSet<(String, String)>,
}

/// A constant, and what its value is made of.
struct Known {
    of_type: Option<String>,
    name: String,
    names: BTreeSet<String>,
    is_public: bool,
    is_table: bool,
    is_changed: bool,
}

impl Constants {
    /// The constants with mutants in them, and those that are computed from these; also those in
    /// `wanted`, whose value turned out not to be known while compiling.
    pub(crate) fn find(mutants: &Mutants, wanted: &BTreeSet<String>) -> Result<Self, String> {
        let mut all = Vec::new();
        for (path, source) in &mutants.files {
            let file = parse(path, source)?;
            let here = mutants.all.iter().filter(|mutant| mutant.file == *path);
            let spans: Vec<Range<usize>> = here.map(|mutant| mutant.span.clone()).collect();
            let mut finder = Finder {
                spans: &spans,
                of_type: None,
                found: &mut all,
            };
            finder.visit_file(&file);
        }
        let mut constants = Self::default();
        loop {
            let before = constants.free.len() + constants.of_types.len();
            for known in &all {
                let uses = known.names.iter().any(|name| constants.free.contains(name));
                if known.is_changed || uses || wanted.contains(&known.name) {
                    match &known.of_type {
                        Some(of) => {
                            let both = (of.clone(), known.name.clone());
                            constants.of_types.insert(both)
                        }
                        None => {
                            let public = known.is_public.then(|| known.name.clone());
                            constants.public.extend(public);
                            constants.free.insert(known.name.clone())
                        }
                    };
                }
            }
            if constants.free.len() + constants.of_types.len() == before {
                return Ok(constants);
            }
        }
    }

    /// A file outside of the core, which may have constants of its own by the names of hidden ones.
    pub(crate) fn rewrite_public(&self, path: &str, source: &str) -> Result<String, String> {
        let of_types = BTreeSet::new();
        let free = self.public.clone();
        let public = BTreeSet::new();
        let constants = Self {
            free,
            public,
            of_types,
        };
        Ok(constants.rewrite(path, source)?.text)
    }

    /// What changes in a file.
    pub(crate) fn rewrite(&self, path: &str, source: &str) -> Result<Rewritten, String> {
        let file = parse(path, source)?;
        let mut rewriter = Rewriter {
            constants: self,
            of_type: None,
            edits: BTreeMap::new(),
        };
        rewriter.visit_file(&file);
        let mut text = String::new();
        let mut at = 0;
        for ((start, end), new) in &rewriter.edits {
            text += source.get(at..*start).unwrap_or_default();
            text += new;
            at = *end;
        }
        text += source.get(at..).unwrap_or_default();
        Ok(Rewritten {
            text,
            edits: rewriter.edits,
        })
    }
}

/// A file without constants that change.
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// By beginning and end: what came instead.
    edits: BTreeMap<(usize, usize), String>,
}

impl Rewritten {
    /// Where a piece of the file is now.
    pub(crate) fn moved(&self, range: &Range<usize>) -> Range<usize> {
        let moved = |at: usize, until: (usize, usize)| {
            let before = self.edits.range(..until);
            before.fold(at, |moved, ((start, end), new)| {
                moved + new.len() - (end - start)
            })
        };
        // What was added behind its last word is a part of it.
        moved(range.start, (range.start, 0))..moved(range.end, (range.end, range.end + 1))
    }
}

fn parse(path: &str, source: &str) -> Result<syn::File, String> {
    syn::parse_file(source).map_err(|error| format!("{path}: {error}"))
}

/// The constant whose value is computed at a place of a file. Tables do not count: others borrow from
/// them, and nobody can borrow from what a function gives.
pub(crate) fn enclosing(source: &str, at: usize) -> Option<String> {
    let file = syn::parse_file(source).ok()?;
    let mut found = Vec::new();
    let here = at..at;
    let mut finder = Finder {
        spans: std::slice::from_ref(&here),
        of_type: None,
        found: &mut found,
    };
    finder.visit_file(&file);
    let mut around = found.into_iter().filter(|known| known.is_changed);
    around.find(|known| !known.is_table).map(|known| known.name)
}

fn type_name(of: &syn::Type) -> Option<String> {
    let syn::Type::Path(path) = of else {
        return None;
    };
    Some(path.path.segments.last()?.ident.to_string())
}

struct Finder<'f> {
    /// Where mutants are.
    spans: &'f [Range<usize>],
    of_type: Option<String>,
    found: &'f mut Vec<Known>,
}

impl Finder<'_> {
    fn constant(&mut self, name: &syn::Ident, of: &syn::Type, value: &syn::Expr) -> &mut Known {
        let inside = value.span().byte_range();
        let mut uses = Uses(BTreeSet::new());
        uses.visit_expr(value);
        let changed = |span: &Range<usize>| inside.start <= span.start && span.end <= inside.end;
        self.found.push_mut(Known {
            of_type: None,
            name: name.to_string(),
            names: uses.0,
            is_public: false,
            is_table: matches!(of, syn::Type::Array(_) | syn::Type::Reference(_)),
            is_changed: self.spans.iter().any(changed),
        })
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.of_type, type_name(&node.self_ty));
        visit::visit_item_impl(self, node);
        self.of_type = outer;
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        let known = self.constant(&node.ident, &node.ty, &node.expr);
        known.is_public = matches!(node.vis, syn::Visibility::Public(_));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        let of_type = self.of_type.clone();
        self.constant(&node.ident, &node.ty, &node.expr).of_type = of_type;
    }
}

/// The last names of all paths in a value.
struct Uses(BTreeSet<String>);

impl<'ast> Visit<'ast> for Uses {
    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        let last = node.path.segments.last();
        self.0.extend(last.map(|segment| segment.ident.to_string()));
    }
}

struct Rewriter<'c> {
    constants: &'c Constants,
    of_type: Option<String>,
    edits: BTreeMap<(usize, usize), String>,
}

impl Rewriter<'_> {
    fn replace(&mut self, span: Range<usize>, new: &str) {
        self.edits.insert((span.start, span.end), new.to_owned());
    }

    fn call_after(&mut self, end: usize) {
        self.replace(end..end, "()");
    }

    /// Whether a path ending in these names is one of the constants.
    fn is_meant(&self, before: Option<&str>, name: &str) -> bool {
        let of_type = match before {
            Some("Self") => self.of_type.clone(),
            Some(before) => Some(before.to_owned()),
            None => None,
        };
        let is_module = of_type
            .as_ref()
            .is_none_or(|of| of.starts_with(|c: char| c.is_lowercase()));
        match of_type {
            Some(of) if !is_module => {
                let both = (of, name.to_owned());
                self.constants.of_types.contains(&both)
            }
            Some(_) | None => self.constants.free.contains(name),
        }
    }

    /// Macros are not parsed: their words are looked at.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let mut before = tokens.get(..at).unwrap_or_default().iter().rev();
                    let before = match (before.next(), before.next(), before.next()) {
                        (
                            Some(TokenTree::Punct(a)),
                            Some(TokenTree::Punct(b)),
                            Some(TokenTree::Ident(before)),
                        ) if a.as_char() == ':' && b.as_char() == ':' => Some(before.to_string()),
                        (Some(TokenTree::Punct(dot)), _, _) if dot.as_char() == '.' => {
                            continue;
                        }
                        _ => None,
                    };
                    if self.is_meant(before.as_deref(), &ident.to_string()) {
                        self.call_after(ident.span().byte_range().end);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Rewriter<'_> {
    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.of_type, type_name(&node.self_ty));
        visit::visit_item_impl(self, node);
        self.of_type = outer;
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        if self.constants.free.contains(&node.ident.to_string()) {
            self.replace(node.const_token.span.byte_range(), "fn");
            self.replace(node.colon_token.span.byte_range(), "() ->");
            self.replace(node.eq_token.span().byte_range(), "{");
            self.replace(node.semi_token.span.byte_range(), "}");
        }
        self.visit_expr(&node.expr);
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        let of = self.of_type.clone().unwrap_or_default();
        let both = (of, node.ident.to_string());
        if self.constants.of_types.contains(&both) {
            self.replace(node.const_token.span.byte_range(), "fn");
            self.replace(node.colon_token.span.byte_range(), "() ->");
            self.replace(node.eq_token.span().byte_range(), "{");
            self.replace(node.semi_token.span.byte_range(), "}");
        }
        self.visit_expr(&node.expr);
    }

    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        let names = node.path.segments.iter().rev();
        let mut names = names.map(|segment| segment.ident.to_string());
        if let Some(name) = names.next()
            && self.is_meant(names.next().as_deref(), &name)
        {
            self.call_after(node.span().byte_range().end);
        }
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        self.tokens(node.tokens.clone());
    }
}
