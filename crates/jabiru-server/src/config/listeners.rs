//! Where something listens: addresses, none of them twice over all sections.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::reader::Section;

/// The addresses that the configuration has so far.
#[derive(Default)]
pub(super) struct Listeners {
    seen: HashSet<SocketAddr>,
}

impl Listeners {
    /// Reads the listeners of a key into `target`, and says if one of them, or of the defaults, is another's already.
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>, key: &'static str, target: &mut Vec<SocketAddr>) {
        // Port 0 is a different port each time.
        for (offset, address) in addresses(section, key, target).into_iter().filter(|(_, a)| a.port() != 0) {
            if !self.seen.insert(address) {
                let reason = format!("{address} is there twice; a listener needs an address of its own");
                section.conflict_at(offset, key, reason);
            }
        }
    }
}

/// Reads listeners into `target`; returns those that the file or the default has, with their places.
pub(super) fn addresses(
    section: &mut Section<'_, '_>,
    key: &'static str,
    target: &mut Vec<SocketAddr>,
) -> Vec<(usize, SocketAddr)> {
    let expected = "an IP address with a port from 0 to 65535, such as \"127.0.0.1:5222\" or \"[::]:5222\"";
    let wrong_type = section.has(key);
    let Some(list) = section.list(key, expected, &[], |text| text.parse().ok()) else {
        let offset = section.offset_of(key);
        return if wrong_type { Vec::new() } else { target.iter().map(|address| (offset, *address)).collect() };
    };
    *target = list.iter().map(|(_, address)| *address).collect();
    list
}
