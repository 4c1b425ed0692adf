//! What all files together say: sections and options in order, `[DEFAULT]` behind them, and the
//! place every option came from. The values live in a `configparser` map.

use super::error::Place;
use super::scan::{Cut, ScannedSection};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use configparser::ini::{Ini, IniDefault};

/// The section whose options every other section has, unless it sets them itself.
const DEFAULT: &str = "DEFAULT";

/// What `%(here)s` looks like in a file.
const HERE: &str = "%(here)s";

/// A configuration's text, taken apart and merged.
#[derive(Debug)]
pub(super) struct Document {
    ini: Ini,
    origins: BTreeMap<String, Origin>,
    files: Vec<String>,
    cuts: Vec<(usize, String, String, Cut)>,
    /// Sections whose values still have `%(here)s` unreplaced.
    touched: BTreeSet<String>,
}

/// Where a section and its options came from: file number and line.
#[derive(Debug, Default)]
struct Origin {
    header: (usize, u32),
    options: BTreeMap<String, (usize, u32)>,
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
            origins: BTreeMap::new(),
            files: Vec::new(),
            cuts: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Adds a file's sections: sections of the same name merge, later options win.
    pub(super) fn merge(&mut self, file: &str, sections: Vec<ScannedSection>) {
        let number = self.files.len();
        self.files.push(file.to_owned());
        for section in sections {
            self.touched.insert(section.name.clone());
            let origin = self
                .origins
                .entry(section.name.clone())
                .or_insert_with(|| Origin {
                    header: (number, section.line),
                    options: BTreeMap::new(),
                });
            let map = self
                .ini
                .get_mut_map()
                .entry(section.name.clone())
                .or_default();
            for option in section.options {
                for cut in option.cuts {
                    let key = option.name.clone();
                    self.cuts.push((number, section.name.clone(), key, cut));
                }
                origin
                    .options
                    .insert(option.name.clone(), (number, option.line));
                map.insert(option.name, Some(option.value));
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
        // What [DEFAULT] says anew concerns every section.
        let names: Vec<String> = if touched.contains(DEFAULT) {
            self.sections().map(str::to_owned).collect()
        } else {
            touched.into_iter().collect()
        };
        let map = self.ini.get_mut_map();
        let inherited: Vec<(String, String)> = map
            .get(DEFAULT)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| {
                let value = value.as_deref().filter(|value| value.contains(HERE))?;
                Some((key.clone(), value.replace(HERE, &here)))
            })
            .collect();
        for name in &names {
            let Some(section) = map.get_mut(name) else {
                continue;
            };
            for value in section.values_mut().flatten() {
                if value.contains(HERE) {
                    *value = value.replace(HERE, &here);
                }
            }
            for (key, value) in &inherited {
                if section.contains_key(key) {
                    continue;
                }
                section.insert(key.clone(), Some(value.clone()));
                let origin = self.origins.get(DEFAULT);
                let place = origin.and_then(|origin| origin.options.get(key)).copied();
                if let (Some(place), Some(origin)) = (place, self.origins.get_mut(name)) {
                    origin.options.insert(key.clone(), place);
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
        name != DEFAULT && self.ini.get_map_ref().contains_key(name)
    }

    /// An option's value: the section's own, or `[DEFAULT]`'s.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let map = self.ini.get_map_ref();
        let of = |name: &str| map.get(name)?.get(key)?.as_deref();
        of(section).or_else(|| of(DEFAULT))
    }

    /// The names of a section's options: its own, then those of `[DEFAULT]`.
    pub(super) fn keys<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a str> {
        let own = self.ini.get_map_ref().get(section);
        let inherited = self.default_keys();
        let inherited = inherited.filter(move |key| own.is_none_or(|own| !own.contains_key(*key)));
        self.own_keys(section).chain(inherited)
    }

    /// The names of a section's own options.
    pub(super) fn own_keys(&self, section: &str) -> impl Iterator<Item = &str> {
        let options = self.ini.get_map_ref().get(section).into_iter().flatten();
        options.map(|(key, _)| key.as_str())
    }

    /// The names of the options in `[DEFAULT]`.
    pub(super) fn default_keys(&self) -> impl Iterator<Item = &str> {
        self.own_keys(DEFAULT)
    }

    /// Where an option was set; if it was not, where its section begins.
    pub(super) fn place(&self, section: &str, key: &str) -> Option<Place> {
        let own = self.origins.get(section);
        let default = self.origins.get(DEFAULT);
        let set = [own, default].into_iter().flatten();
        let set = set.filter_map(|origin| origin.options.get(key)).next();
        let (file, line) = *set.or_else(|| Some(&own?.header))?;
        self.place_at(file, line)
    }

    /// Where a section begins for the first time.
    pub(super) fn section_place(&self, section: &str) -> Option<Place> {
        let (file, line) = self.origins.get(section)?.header;
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
