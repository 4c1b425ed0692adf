//! The documentation says what the code says, and everything it tells to do works as printed.

mod blocks;
mod commands;
mod counts;
mod differences;
mod keys;
mod pages;
mod reference;
mod story;
mod tables;
mod trouble;

/// Makes each page with something to try a test, and sees to it that none is left out.
macro_rules! stories {
    ($($test:ident: $page:literal,)*) => {
        $(
            #[test]
            fn $test() {
                crate::story::tell($page);
            }
        )*

        #[test]
        fn every_page_with_something_to_try_is_tried() {
            let tried = [$($page),*];
            for page in crate::pages::pages() {
                let told = page.blocks.iter().any(crate::story::is_told);
                assert_eq!(told, tried.contains(&page.name.as_str()), "{}", page.name);
            }
        }
    };
}

stories! {
    the_readme_works_as_printed: "README.md",
    the_page_on_switching_works_as_printed: "docs/switching.md",
    the_page_on_events_works_as_printed: "docs/events.md",
    the_page_on_xmlrpc_works_as_printed: "docs/xmlrpc.md",
    the_page_on_supervisorctl_works_as_printed: "docs/supervisorctl.md",
    the_page_on_systemd_works_as_printed: "docs/systemd.md",
}
