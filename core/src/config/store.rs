//! What all files together say: sections and options in order, `[DEFAULT]` behind them, and the
//! place every option came from. The values live in a `configparser` map.

use super::error::Place;
use super::scan::{Cut, ScannedSection};
use alloc::{borrow::ToOwned, collections::BTreeSet, string::String, vec::Vec};
use configparser::ini::{Ini, IniDefault};
use core::cell::Cell;

/// The section whose options every other section has, unless it sets them itself.
const DEFAULT: &str = "DEFAULT";

/// What `%(here)s` looks like in a file.
const HERE: &str = "%(here)s";

/// As many options as are looked through one by one.
const FEW: usize = 16;

/// A configuration's text, taken apart and merged.
#[derive(Debug)]
pub(super) struct Document {
    ini: Ini,
    /// One for each section, in the map's order.
    origins: Vec<Origin>,
    files: Vec<String>,
    cuts: Vec<(usize, String, String, Cut)>,
    /// Sections whose values still have `%(here)s` unreplaced.
    touched: BTreeSet<usize>,
    /// The section that was looked at last: options are read section by section.
    last: Cell<usize>,
    /// Where `[DEFAULT]` is.
    default: Option<usize>,
}

/// Where a section and its options came from: number of the file, and line.
#[derive(Debug)]
struct Origin {
    header: (usize, u32),
    /// One for each option, in the map's order.
    options: Vec<(usize, u32)>,
}

impl Origin {
    fn set(&mut self, option: usize, place: (usize, u32)) {
        match self.options.get_mut(option) {
            Some(known) => *known = place,
            None => self.options.push(place),
        }
    }
}

/// A value shortened by an inline comment.
#[derive(Debug)]
pub(super) struct CutValue<'a> {
    pub(super) place: Place,
    pub(super) section: &'a str,
    pub(super) key: &'a str,
    pub(super) cut: &'a Cut,
}

impl Document {
    pub(super) fn new() -> Self {
        let mut defaults = IniDefault::default();
        defaults.default_section = DEFAULT.to_owned();
        // Section names keep their case; option names have been lowered by the scanner.
        defaults.case_sensitive = true;
        Self {
            ini: Ini::new_from_defaults(defaults),
            origins: Vec::new(),
            files: Vec::new(),
            cuts: Vec::new(),
            touched: BTreeSet::new(),
            last: Cell::new(0),
            default: None,
        }
    }

    /// Adds a file's sections: sections of the same name merge, later options win.
    pub(super) fn merge(&mut self, file: &str, sections: Vec<ScannedSection>) {
        let number = self.files.len();
        self.files.push(file.to_owned());
        for section in sections {
            let name = section.name.clone();
            let entry = self.ini.get_mut_map().entry(section.name);
            let index = entry.index();
            let map = entry.or_default();
            if index == self.origins.len() {
                self.origins.push(Origin {
                    header: (number, section.line),
                    options: Vec::with_capacity(section.options.len()),
                });
                if name == DEFAULT {
                    self.default = Some(index);
                }
            }
            map.reserve(section.options.len());
            self.touched.insert(index);
            for option in section.options {
                for cut in option.cuts {
                    self.cuts
                        .push((number, name.clone(), option.name.clone(), cut));
                }
                let (at, _) = map.insert_full(option.name, Some(option.value));
                if let Some(origin) = self.origins.get_mut(index) {
                    origin.set(at, (number, option.line));
                }
            }
        }
    }

    /// Replaces `%(here)s` in every value added since the last call, so that each file's options
    /// see the directory of their own file. A section that only inherits such a value gets its
    /// own copy.
    pub(super) fn expand_here(&mut self, here: &str) {
        // A percent sign in the directory's name must survive the expansion to come.
        let here = here.replace('%', "%%");
        let touched = core::mem::take(&mut self.touched);
        let map = self.ini.get_mut_map();
        // What [DEFAULT] says anew concerns every section.
        let all = self
            .default
            .is_some_and(|default| touched.contains(&default));
        let concerned: Vec<usize> = if all {
            (0..map.len())
                .filter(|index| Some(*index) != self.default)
                .collect()
        } else {
            touched.into_iter().collect()
        };
        let default = self.default.and_then(|index| map.get_index(index));
        let inherited: Vec<(String, String, (usize, u32))> = default
            .into_iter()
            .flat_map(|(_, options)| options.iter().enumerate())
            .filter_map(|(at, (key, value))| {
                let value = value.as_deref().filter(|value| value.contains(HERE))?;
                let origin = self.origins.get(self.default?)?;
                let place = *origin.options.get(at)?;
                Some((key.clone(), value.replace(HERE, &here), place))
            })
            .collect();
        for index in concerned {
            let section = map.get_index_mut(index);
            let (Some((_, section)), Some(origin)) = (section, self.origins.get_mut(index)) else {
                continue;
            };
            for value in section.values_mut().flatten() {
                if value.contains(HERE) {
                    *value = value.replace(HERE, &here);
                }
            }
            for (key, value, place) in &inherited {
                if !section.contains_key(key) {
                    let (at, _) = section.insert_full(key.clone(), Some(value.clone()));
                    origin.set(at, *place);
                }
            }
        }
    }

    /// All sections in the order of their first header, without `[DEFAULT]`.
    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        let names = self.ini.get_map_ref().keys().map(String::as_str);
        names.filter(|name| *name != DEFAULT)
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        name != DEFAULT && self.index(name).is_some()
    }

    /// Where a section is.
    fn index(&self, section: &str) -> Option<usize> {
        let map = self.ini.get_map_ref();
        let last = self.last.get();
        if map.get_index(last).is_some_and(|(name, _)| name == section) {
            return Some(last);
        }
        let index = map.get_index_of(section)?;
        self.last.set(index);
        Some(index)
    }

    /// An option's value: the section's own, or `[DEFAULT]`'s.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let of = |index: usize| {
            let (_, options) = self.ini.get_map_ref().get_index(index)?;
            if options.len() > FEW {
                return options.get(key)?.as_deref();
            }
            // Comparing lengths is faster than hashing.
            let mut options = options.iter();
            options.find(|(name, _)| *name == key)?.1.as_deref()
        };
        let own = self.index(section).and_then(of);
        own.or_else(|| self.default.and_then(of))
    }

    /// The names of a section's options: its own, then those of `[DEFAULT]`.
    pub(super) fn keys<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a str> {
        let own = self.ini.get_map_ref().get(section);
        let inherited = self.own_keys(DEFAULT);
        let inherited = inherited.filter(move |key| own.is_none_or(|own| !own.contains_key(*key)));
        self.own_keys(section).chain(inherited)
    }

    /// The names of a section's own options.
    pub(super) fn own_keys(&self, section: &str) -> impl Iterator<Item = &str> {
        let options = self.ini.get_map_ref().get(section).into_iter().flatten();
        options.map(|(key, _)| key.as_str())
    }

    /// Where an option was set; if it was not, where its section begins.
    pub(super) fn place(&self, section: &str, key: &str) -> Option<Place> {
        let of = |index: usize| {
            let (_, options) = self.ini.get_map_ref().get_index(index)?;
            let at = options.get_index_of(key)?;
            self.origins.get(index)?.options.get(at).copied()
        };
        let own = self.index(section);
        let set = own.and_then(of).or_else(|| self.default.and_then(of));
        let header = || Some(self.origins.get(own?)?.header);
        let (file, line) = set.or_else(header)?;
        self.place_at(file, line)
    }

    /// Where a section begins for the first time.
    pub(super) fn section_place(&self, section: &str) -> Option<Place> {
        let (file, line) = self.origins.get(self.index(section)?)?.header;
        self.place_at(file, line)
    }

    fn place_at(&self, file: usize, line: u32) -> Option<Place> {
        let file = self.files.get(file)?.clone();
        Some(Place { file, line })
    }

    /// All values that an inline comment shortened, in file order.
    pub(super) fn cuts(&self) -> impl Iterator<Item = CutValue<'_>> {
        self.cuts.iter().filter_map(|(file, section, key, cut)| {
            Some(CutValue {
                place: self.place_at(*file, cut.line)?,
                section,
                key,
                cut,
            })
        })
    }
}
