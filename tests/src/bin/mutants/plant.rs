//! All mutants of a file in one text: each is there beside the original, and a switch chooses.
//!
//! `a < b` becomes `(if on(7) { a <= b } else { a < b })`, a function begins with
//! `if on(8) { return None; }`, and so on. What is changed is only added to the text, never taken
//! out of it, except for the `const` of functions: a switch cannot be read while compiling.

use crate::list::Mutant;
use std::collections::BTreeSet;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A file with its mutants in it.
pub(crate) struct Planted {
    pub(crate) text: String,
    /// Where the text of each mutant is.
    pub(crate) places: Vec<(Range<usize>, usize)>,
    /// Those that could be put in.
    pub(crate) done: BTreeSet<usize>,
    /// Those that are no programs by the rules of the language.
    pub(crate) refused: BTreeSet<usize>,
}

/// Puts mutants in, given with their numbers. Functions in `constant` stay constant.
pub(crate) fn plant(
    source: &str,
    mutants: &[(usize, Mutant)],
    constant: &BTreeSet<String>,
) -> Result<Planted, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut planter = Planter {
        source,
        mutants,
        constant,
        insertions: Vec::new(),
        blanks: Vec::new(),
        done: BTreeSet::new(),
        refused: BTreeSet::new(),
    };
    planter.visit_file(&file);
    Ok(planter.finish())
}

/// Text of a mutant, or of none.
type Piece = (String, Option<usize>);

struct Insertion {
    at: usize,
    /// Closes before anything opens.
    opens: bool,
    pieces: Vec<Piece>,
}

struct Planter<'a> {
    source: &'a str,
    mutants: &'a [(usize, Mutant)],
    constant: &'a BTreeSet<String>,
    insertions: Vec<Insertion>,
    blanks: Vec<Range<usize>>,
    done: BTreeSet<usize>,
    refused: BTreeSet<usize>,
}

/// cargo-mutants takes for granted what programs with the standard library know.
const NAMES: &str = "#[allow(unused_imports)] use crate::mutant::names::*;";

fn on(number: usize) -> String {
    format!("crate::mutant::on({number})")
}

fn plain(text: &str) -> Piece {
    (text.to_owned(), None)
}

impl Planter<'_> {
    fn finish(mut self) -> Planted {
        // Of what opens in one place, the outer comes first; of what closes, the inner.
        let mut ordered: Vec<(usize, Insertion)> = self.insertions.drain(..).enumerate().collect();
        ordered.sort_by_key(|(index, i)| {
            let index = isize::try_from(*index).unwrap_or(isize::MAX);
            (i.at, i.opens, if i.opens { index } else { -index })
        });
        let mut source = self.source.to_owned();
        for blank in &self.blanks {
            source.replace_range(blank.clone(), &" ".repeat(blank.len()));
        }
        let mut planted = Planted {
            text: String::new(),
            places: Vec::new(),
            done: self.done,
            refused: self.refused,
        };
        let mut at = 0;
        for (_, insertion) in ordered {
            planted.text += source.get(at..insertion.at).unwrap_or_default();
            at = insertion.at;
            for (text, mutant) in insertion.pieces {
                let start = planted.text.len();
                planted.text += &text;
                if let Some(mutant) = mutant {
                    planted.places.push((start..planted.text.len(), mutant));
                }
            }
        }
        planted.text += source.get(at..).unwrap_or_default();
        planted
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.source.get(range).unwrap_or_default()
    }

    fn with_span(&self, genre: &str, span: &Range<usize>) -> Vec<(usize, String)> {
        let of_genre = self.mutants.iter().filter(|(_, m)| m.genre == genre);
        of_genre
            .filter(|(_, m)| m.span == *span)
            .map(|(number, m)| (*number, m.replacement.clone()))
            .collect()
    }

    fn wrap(&mut self, range: Range<usize>, before: Vec<Piece>, after: &str) {
        self.done
            .extend(before.iter().filter_map(|(_, mutant)| *mutant));
        self.insertions.push(Insertion {
            at: range.start,
            opens: true,
            pieces: before,
        });
        self.insertions.push(Insertion {
            at: range.end,
            opens: false,
            pieces: vec![plain(after)],
        });
    }

    /// `(if on(1) { variant } else { original })`.
    fn choose(&mut self, range: Range<usize>, variants: Vec<(usize, String)>) {
        if variants.is_empty() {
            return;
        }
        let mut before = vec![plain("(")];
        for (number, variant) in variants {
            before.push((format!("if {} {{ {variant} }}", on(number)), Some(number)));
            before.push(plain(" else "));
        }
        before.push(plain("{ "));
        self.wrap(range, before, " })");
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) -> bool {
        let keeps_const =
            signature.constness.is_some() && self.constant.contains(&signature.ident.to_string());
        if keeps_const {
            return false;
        }
        if let Some(constness) = &signature.constness {
            self.blanks.push(constness.span.byte_range());
        }
        let inside = block.brace_token.span.open().byte_range().end;
        let Some(first) = block.stmts.first() else {
            return true;
        };
        let start = first.span().byte_range().start;
        let here = self.mutants.iter().filter(|(_, m)| m.genre == "FnValue");
        let here: Vec<(usize, String)> = here
            .filter(|(_, m)| m.span.start == start)
            .map(|(number, m)| (*number, m.replacement.clone()))
            .collect();
        if here.is_empty() {
            return true;
        }
        let is_some_type = returns_some_type(&signature.output);
        let mut pieces: Vec<Piece> = here
            .into_iter()
            .map(|(number, value)| {
                self.done.insert(number);
                let value = match is_some_type {
                    true => format!("crate::mutant::Items::other({value})"),
                    false => value,
                };
                let text = format!(" if {} {{ {NAMES} return {value}; }}", on(number));
                (text, Some(number))
            })
            .collect();
        if is_some_type {
            pieces.push(plain(" crate::mutant::Items::Original({"));
            let end = block.brace_token.span.close().byte_range().start;
            self.wrap(inside..end, pieces, "})");
        } else {
            self.insertions.push(Insertion {
                at: inside,
                opens: true,
                pieces,
            });
        }
        true
    }

    /// The operands of a chain of binary operators, and the variants with one of these replaced.
    fn chain<'e>(
        &self,
        node: &'e syn::ExprBinary,
        whole: &Range<usize>,
        operands: &mut Vec<&'e syn::Expr>,
        variants: &mut Vec<(usize, String)>,
    ) {
        let operator = node.op.span().byte_range();
        for (number, replacement) in self.with_span("BinaryOperator", &operator) {
            let before = self.text(whole.start..operator.start);
            let after = self.text(operator.end..whole.end);
            variants.push((number, format!("{before}{replacement}{after}")));
        }
        for side in [&*node.left, &*node.right] {
            if let syn::Expr::Binary(inner) = side {
                self.chain(inner, whole, operands, variants);
            } else {
                operands.push(side);
            }
        }
    }

    /// The mutant that deletes an arm.
    fn deleted(&self, arm: &syn::Arm) -> Option<usize> {
        let whole = arm.span().byte_range();
        // cargo-mutants counts the comma to the arm, or does not.
        let deleted = self.mutants.iter().find(|(_, m)| {
            m.genre == "MatchArm" && m.span.start == whole.start && m.span.end <= whole.end + 1
        });
        deleted.map(|(number, _)| *number)
    }

    fn guard(&mut self, arm: &syn::Arm) {
        let deleted = self.deleted(arm);
        let deleted = deleted.filter(|number| !self.refused.contains(number));
        let syn::Pat::Guard(syn::PatGuard { guard, .. }) = &arm.pat else {
            if let Some(number) = deleted {
                self.done.insert(number);
                self.insertions.push(Insertion {
                    at: arm.pat.span().byte_range().end,
                    opens: true,
                    pieces: vec![(format!(" if !{}", on(number)), Some(number))],
                });
            }
            return;
        };
        let range = guard.span().byte_range();
        if has_let(guard) {
            return;
        }
        let mut before = Vec::new();
        let mut after = String::new();
        if let Some(number) = deleted {
            before.push((format!("!{} && ", on(number)), Some(number)));
        }
        for (number, value) in self.with_span("MatchArmGuard", &range) {
            let text = match value.as_str() {
                "true" => format!("({} || ", on(number)),
                _ => format!("(!{} && ", on(number)),
            };
            before.push((text, Some(number)));
            after.push(')');
        }
        if !before.is_empty() {
            before.push(plain("("));
            after.push(')');
            self.wrap(range, before, &after);
        }
    }

    fn field(&mut self, node: &syn::FieldValue, base: &syn::Expr) {
        let whole = node.span().byte_range();
        let mutant = self
            .mutants
            .iter()
            .find(|(_, m)| m.genre == "StructField" && m.span.start == whole.start);
        let (Some((number, _)), syn::Member::Named(name)) = (mutant, &node.member) else {
            return;
        };
        let (number, base) = (*number, self.text(base.span().byte_range()).to_owned());
        let label = match node.colon_token {
            Some(_) => String::new(),
            None => format!("{name}: "),
        };
        let text = format!("if {} {{ ({base}).{name} }}", on(number));
        let before = vec![plain(&label), (text, Some(number)), plain(" else { ")];
        self.wrap(node.expr.span().byte_range(), before, " }");
    }
}

/// `impl Trait` is one type: what a mutant returns would have to be of it.
fn returns_some_type(output: &syn::ReturnType) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    finder.visit_return_type(output);
    finder.0
}

/// Whether a condition binds names, so that it cannot stand within another expression.
fn has_let(condition: &syn::Expr) -> bool {
    if let syn::Expr::Binary(node) = condition {
        has_let(&node.left) || has_let(&node.right)
    } else {
        matches!(condition, syn::Expr::Let(_))
    }
}

impl<'ast> Visit<'ast> for Planter<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        if self.function(&node.sig, &node.block) {
            visit::visit_item_fn(self, node);
        }
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        if self.function(&node.sig, &node.block) {
            visit::visit_impl_item_fn(self, node);
        }
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        let Some(block) = &node.default else { return };
        if self.function(&node.sig, block) {
            visit::visit_trait_item_fn(self, node);
        }
    }

    // What is computed by the compiler has no switch.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        if has_let(&node.left) || has_let(&node.right) {
            // Beside `let` there can only be `&&`: every other operator is refused.
            let operator = node.op.span().byte_range();
            let refused = self.with_span("BinaryOperator", &operator);
            self.refused
                .extend(refused.iter().map(|(number, _)| *number));
            self.visit_expr(&node.left);
            self.visit_expr(&node.right);
            return;
        }
        let whole = node.span().byte_range();
        let (mut operands, mut variants) = (Vec::new(), Vec::new());
        self.chain(node, &whole, &mut operands, &mut variants);
        self.choose(whole, variants);
        for operand in operands {
            self.visit_expr(operand);
        }
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let operator = node.op.span().byte_range();
        let operand = self.text(node.expr.span().byte_range()).to_owned();
        let variants = self.with_span("UnaryOperator", &operator);
        let variants = variants.into_iter().map(|(n, _)| (n, operand.clone()));
        self.choose(node.span().byte_range(), variants.collect());
        self.visit_expr(&node.expr);
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        let is_all = |arm: &syn::Arm| matches!(arm.pat, syn::Pat::Wild(_));
        if !node.arms.iter().any(is_all) {
            // cargo-mutants takes `_ if …` for a pattern that matches everything. Without one that
            // does, no arm can be missing.
            for arm in &node.arms {
                let deleted = self.deleted(arm);
                self.refused.extend(deleted);
            }
        }
        visit::visit_expr_match(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        self.guard(node);
        if let syn::Pat::Guard(pattern) = &node.pat {
            self.visit_expr(&pattern.guard);
        }
        self.visit_expr(&node.body);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        if let Some(base) = &node.rest {
            for field in &node.fields {
                self.field(field, base);
            }
        }
        visit::visit_expr_struct(self, node);
    }
}
